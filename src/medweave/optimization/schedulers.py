"""Learning-rate schedules by name; each takes the optimizer, the course of the training and its own arguments."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import PositiveInt
from torch import optim
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, ReduceLROnPlateau

from medweave.core.registry import Registry


@dataclass(frozen=True)
class Course:
    """How long a training is.

    Attributes:
        epochs: Epochs planned.
        steps_per_epoch: Optimizer steps in an epoch.
    """

    epochs: int
    steps_per_epoch: int


SchedulerFactory = Callable[..., LRScheduler]
SCHEDULERS: Registry[SchedulerFactory] = Registry("scheduler", home="medweave.optimization")
"""Learning-rate schedules by name."""


@SCHEDULERS.register("constant")
def constant(optimizer: optim.Optimizer, course: Course, *, warmup_epochs: float = 0.0) -> LRScheduler:
    """Keep the learning rate, after a linear warm-up.

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        warmup_epochs: Epochs, also fractions, in which the rate rises linearly from nearly 0.
    """
    return _by_epoch(optimizer, course, lambda _: 1.0, warmup_epochs=warmup_epochs)


@SCHEDULERS.register("step")
def step(
    optimizer: optim.Optimizer,
    course: Course,
    *,
    step_epochs: PositiveInt = 20,
    factor: float = 0.5,
    warmup_epochs: float = 0.0,
) -> LRScheduler:
    """Multiply the learning rate by `factor` every `step_epochs` epochs.

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        step_epochs: Epochs between two changes.
        factor: Of each change.
        warmup_epochs: Epochs, also fractions, in which the rate rises linearly from nearly 0.
    """
    return _by_epoch(optimizer, course, lambda epoch: factor ** (epoch // step_epochs), warmup_epochs=warmup_epochs)


@SCHEDULERS.register("cosine")
def cosine(
    optimizer: optim.Optimizer, course: Course, *, final_factor: float = 0.0, warmup_epochs: float = 0.0
) -> LRScheduler:
    """Half a cosine from the learning rate to `final_factor` times it (Loshchilov & Hutter, ICLR 2017).

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        final_factor: Share of the learning rate that is left at the end.
        warmup_epochs: Epochs, also fractions, in which the rate rises linearly from nearly 0.
    """

    def factor(epoch: float) -> float:
        progress = min((epoch - warmup_epochs) / max(course.epochs - warmup_epochs, 1e-9), 1.0)
        return _half_cosine(progress, final_factor=final_factor)

    return _by_epoch(optimizer, course, factor, warmup_epochs=warmup_epochs)


@SCHEDULERS.register("cosine_restarts")
def cosine_restarts(
    optimizer: optim.Optimizer,
    course: Course,
    *,
    first_epochs: PositiveInt = 10,
    lengthening: PositiveInt = 2,
    final_factor: float = 0.0,
    warmup_epochs: float = 0.0,
) -> LRScheduler:
    """Cosine after cosine (as `cosine`), the first of `first_epochs`, each next one `lengthening` times as long.

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        first_epochs: Epochs of the first cosine.
        lengthening: Length of a cosine as a multiple of the one before.
        final_factor: Share of the learning rate that is left at the end of each.
        warmup_epochs: Epochs, also fractions, in which the rate rises linearly from nearly 0.
    """

    def factor(epoch: float) -> float:
        elapsed, length = epoch - warmup_epochs, first_epochs
        while elapsed >= length:
            elapsed, length = elapsed - length, length * lengthening
        return _half_cosine(elapsed / length, final_factor=final_factor)

    return _by_epoch(optimizer, course, factor, warmup_epochs=warmup_epochs)


@SCHEDULERS.register("polynomial")
def polynomial(
    optimizer: optim.Optimizer, course: Course, *, power: float = 0.9, warmup_epochs: float = 0.0
) -> LRScheduler:
    """Decay as (1 - progress)^power; 0.9 is nnU-Net's.

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        power: Exponent of the decay; 1 is a straight line.
        warmup_epochs: Epochs, also fractions, in which the rate rises linearly from nearly 0.
    """

    def factor(epoch: float) -> float:
        progress = (epoch - warmup_epochs) / max(course.epochs - warmup_epochs, 1e-9)
        return float(max(1 - progress, 0.0) ** power)

    return _by_epoch(optimizer, course, factor, warmup_epochs=warmup_epochs)


@SCHEDULERS.register("plateau")
def plateau(
    optimizer: optim.Optimizer,
    course: Course,  # noqa: ARG001 -- the contract of schedulers
    *,
    factor: float = 0.5,
    patience: int = 5,
    min_lr: float = 1e-7,
) -> LRScheduler:
    """Multiply the learning rate by `factor` when `val/score` has not risen for `patience` validations.

    Args:
        optimizer: Whose learning rate is set.
        course: How long the training is.
        factor: Of each change.
        patience: Validations without a rise before a change.
        min_lr: Below which the rate does not fall.
    """
    return ReduceLROnPlateau(optimizer, mode="max", factor=factor, patience=patience, min_lr=min_lr)


def _half_cosine(progress: float, *, final_factor: float) -> float:
    return final_factor + (1 - final_factor) * (1 + math.cos(math.pi * progress)) / 2


def _by_epoch(
    optimizer: optim.Optimizer, course: Course, factor: Callable[[float], float], *, warmup_epochs: float
) -> LRScheduler:
    """Return a schedule that is asked at every step for the factor at the (fractional) epoch."""

    def at_step(number: int) -> float:
        epoch = number / course.steps_per_epoch
        warmup = min((number + 1) / (warmup_epochs * course.steps_per_epoch), 1.0) if warmup_epochs > 0 else 1.0
        return warmup * (factor(epoch) if epoch >= warmup_epochs else 1.0)

    return LambdaLR(optimizer, at_step)
