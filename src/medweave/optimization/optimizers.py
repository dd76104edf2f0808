"""Optimizers by name; each takes the parameters and its own keyword arguments, which a recipe may set."""

from collections.abc import Callable, Iterable

from torch import nn, optim

from medweave.core.registry import Registry

OptimizerFactory = Callable[..., optim.Optimizer]
OPTIMIZERS: Registry[OptimizerFactory] = Registry("optimizer", home="medweave.optimization")
"""Optimizers by name."""


@OPTIMIZERS.register("adam")
def adam(
    parameters: Iterable[nn.Parameter],
    *,
    lr: float = 1e-4,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> optim.Optimizer:
    """Adam (Kingma & Ba, ICLR 2015), optionally with AMSGrad; weight decay is added to the gradient.

    Args:
        parameters: To be optimised.
        lr: Learning rate before the schedule.
        weight_decay: Factor of the squared weights' penalty.
        amsgrad: Use the AMSGrad variant (Reddi et al., ICLR 2018).
    """
    parameters = list(parameters)
    return optim.Adam(parameters, lr=lr, weight_decay=weight_decay, amsgrad=amsgrad, fused=_may_be_fused(parameters))


@OPTIMIZERS.register("adamw")
def adamw(
    parameters: Iterable[nn.Parameter],
    *,
    lr: float = 1e-3,
    weight_decay: float = 1e-2,
) -> optim.Optimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter, ICLR 2019).

    Args:
        parameters: To be optimised.
        lr: Learning rate before the schedule.
        weight_decay: Share of each weight that a step takes away, times the learning rate.
    """
    parameters = list(parameters)
    return optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=_may_be_fused(parameters))


@OPTIMIZERS.register("sgd")
def sgd(
    parameters: Iterable[nn.Parameter],
    *,
    lr: float = 1e-2,
    momentum: float = 0.99,
    nesterov: bool = True,
    weight_decay: float = 3e-5,
) -> optim.Optimizer:
    """Stochastic gradient descent with momentum; the defaults are nnU-Net's.

    Args:
        parameters: To be optimised.
        lr: Learning rate before the schedule.
        momentum: Share of the last step that goes on.
        nesterov: Look ahead by the momentum (Nesterov).
        weight_decay: Factor of the squared weights' penalty.
    """
    parameters = list(parameters)
    return optim.SGD(
        parameters,
        lr=lr,
        momentum=momentum,
        nesterov=nesterov,
        weight_decay=weight_decay,
        fused=_may_be_fused(parameters),
    )


def _may_be_fused(parameters: list[nn.Parameter]) -> bool | None:
    """Return whether to update in one pass: on a CPU. On a GPU PyTorch chooses; there Lightning cannot clip float16."""
    return True if all(parameter.device.type == "cpu" for parameter in parameters) else None
