"""Choosing the number format of training by measuring it."""

import copy
import math
import time
from collections.abc import Callable, Mapping

import torch

from medweave.core.logging import get_logger
from medweave.data.dataset import Batch
from medweave.inference.backends.torch import AUTOCAST_TYPES, channels_last, to_channels_last
from medweave.inference.device import narrow_formats
from medweave.losses.loss import MultiTaskLoss
from medweave.models.multitask import MultiTaskModel

logger = get_logger(__name__)

#: Lightning's names.
LIGHTNING_PRECISION = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}


#: A narrower format is taken only when float32 takes at least this many times as long.
CLEAR_GAIN = 1.1


def fastest_precision(
    model: MultiTaskModel,
    loss: MultiTaskLoss,
    *,
    batch: Batch,
    device: torch.device,
    repeats: int = 2,
) -> str:
    """Return the precision in which a training step takes the least time; float32 where the gain is under a tenth.

    Args:
        model: The network; a copy is measured.
        loss: The loss; a copy is measured.
        batch: What a step sees.
        device: Where to train.
        repeats: Steps measured in each precision, after one that is not; the fastest counts.

    Raises:
        torch.OutOfMemoryError: A step in no precision fits into the memory.
    """
    candidates = ["float32", *narrow_formats(device)]
    if len(candidates) == 1:
        return candidates[0]
    steps = {precision: _step(model, loss, batch=batch, device=device, precision=precision) for precision in candidates}
    seconds = _seconds_in_turns(steps, repeats=repeats)
    # A near tie must not be decided by the machine's noise.
    chosen = min(seconds, key=lambda precision: seconds[precision] * (1 if precision == "float32" else CLEAR_GAIN))
    logger.info(
        "precision: %s (%s)", chosen, ", ".join(f"{name} {value:.2f} s a step" for name, value in seconds.items())
    )
    return chosen


def _step(
    model: MultiTaskModel, loss: MultiTaskLoss, *, batch: Batch, device: torch.device, precision: str
) -> Callable[[], None]:
    """Return what makes a step of a copy of the model."""
    network = to_channels_last(copy.deepcopy(model).to(device)).train()
    loss = copy.deepcopy(loss).to(device)
    images = {name: channels_last(image.to(device)) for name, image in batch["images"].items()}
    present = {name: flags.to(device) for name, flags in batch["present"].items()}
    truths = {name: truth.to(device) for name, truth in {**batch["label_maps"], **batch["targets"]}.items()}
    dtype = AUTOCAST_TYPES.get(precision)

    def step() -> None:
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            logits = network(images, present)
        terms = loss(logits, truths, present)
        if terms:
            torch.autograd.backward(loss.total(terms))
        network.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return step


def _seconds_in_turns(steps: Mapping[str, Callable[[], None]], *, repeats: int) -> dict[str, float]:
    """Return the least seconds of each step; they take turns, so that what else the machine does falls on all.

    One that the memory is not enough for is left out.
    """
    least = dict.fromkeys(steps, math.inf)
    for turn in range(repeats + 1):
        for precision in list(least):
            start = time.perf_counter()
            try:
                steps[precision]()
            except torch.OutOfMemoryError:
                del least[precision]
                if not least:
                    raise
                continue
            if turn:
                least[precision] = min(least[precision], time.perf_counter() - start)
    return least
