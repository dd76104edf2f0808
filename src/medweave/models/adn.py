"""Normalisation, dropout and PReLU in a row, fast to train on a CPU."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import numpy as np
import torch
from monai.networks.blocks import acti_norm
from numpy.typing import NDArray
from torch import Tensor, nn

from medweave.models.eager import is_eager_on_cpu

Floats = NDArray[np.float32]
Answer = TypeVar("Answer")

#: A draw is one of this many integers, those of 16 bits.
DRAWS = 2**16
#: Activations that one stream of random numbers serves; how many threads share the streams changes no number.
STREAM = 2**20
#: Activations that stay in a core's cache while they are worked on; divides STREAM.
BLOCK = 2**17
#: The slope's gradient is found from activations that the slope has scaled, so it may be neither tiny nor huge.
SLOPES = (1e-2, 1e2)


class _DropoutPReLU(torch.autograd.Function):
    """Dropout and PReLU as one factor for each activation, and its gradient.

    PyTorch goes through the memory four times forwards and six times backwards, and draws 32 or 64 random bits for each
    activation; here it is read and written once each way, and four draws share 64 bits of a quicker generator.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, probability: float) -> Tensor:
        factors, activated = torch.empty_like(features), torch.empty_like(features)
        given, scales, results = _flat(features), _flat(factors), _flat(activated)
        seed = int(torch.randint(2**63 - 1, ())) if probability else 0  # so that PyTorch's seed decides
        kept_as_is, slope = np.float32(1 / (1 - probability)), weight.item()
        difference = np.float32(slope / (1 - probability)) - kept_as_is

        def activate(stream: int, blocks: list[slice]) -> None:
            generator = np.random.SFC64([seed, stream])
            for block in blocks:
                scale = scales[block]
                np.multiply(given[block] <= 0, difference, dtype=np.float32, out=scale)
                scale += kept_as_is
                if probability:
                    draws = generator.random_raw(-(-len(scale) // 4)).view(np.int16)[: len(scale)]
                    scale *= draws >= round(probability * DRAWS) - DRAWS // 2
                np.multiply(given[block], scale, out=results[block])

        _in_streams(activate, len(given))
        ctx.save_for_backward(activated, factors)
        ctx.slope = slope
        return activated

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        activated, factors = ctx.saved_tensors
        if gradient.stride() != activated.stride():
            gradient = torch.empty_like(activated).copy_(gradient)
        towards_features = torch.empty_like(activated)
        arrived, scales, results, passed = map(_flat, (gradient, factors, activated, towards_features))

        def pass_on(_stream: int, blocks: list[slice]) -> float:
            towards_slope = 0.0
            for block in blocks:
                np.multiply(arrived[block], scales[block], out=passed[block])
                below = np.minimum(results[block], 0)
                below *= arrived[block]
                towards_slope += float(below.sum())
            return towards_slope

        towards_slope = sum(_in_streams(pass_on, len(arrived))) / ctx.slope
        return towards_features, gradient.new_tensor([towards_slope]), None


def _flat(dense: Tensor) -> Floats:
    """Return the numbers of a tensor without gaps in the order of its memory."""
    inner: Floats = dense.detach().as_strided((dense.numel(),), (1,)).numpy()
    return inner


def _in_streams(work: Callable[[int, list[slice]], Answer], count: int) -> list[Answer]:
    """Return what `work` answers for each stream of so many activations, given its number and its blocks."""

    def quietly(stream: int, blocks: list[slice]) -> Answer:
        with np.errstate(all="ignore"):  # a loss that is not a number is told of elsewhere
            return work(stream, blocks)

    streams = [
        [slice(first, min(first + BLOCK, count)) for first in range(start, min(start + STREAM, count), BLOCK)]
        for start in range(0, count, STREAM)
    ]
    if len(streams) == 1:
        return [quietly(0, streams[0])]
    return list(_threads(os.getpid()).map(quietly, range(len(streams)), streams))


@cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; NumPy lets them run side by side."""
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="activations")


class ADN(acti_norm.ADN):  # type: ignore[misc]
    """MONAI's normalisation, dropout and PReLU in this order, its dropout and PReLU faster to train on a CPU.

    Dropout (Srivastava et al., JMLR 2014), whose probability is there rounded to a multiple of 2^-16, and PReLU (He et
    al., ICCV 2015) of one slope for all channels. Elsewhere they are PyTorch's.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, *spatial) to the same shape."""
        if not (self.training and is_eager_on_cpu(features) and self._has_fast_slope()):
            given: Tensor = super().forward(features)
            return given
        normalised = self.N(features)
        activated: Tensor = _DropoutPReLU.apply(_dense(normalised), self.A.weight, self.D.p)  # type: ignore[no-untyped-call]
        return activated.to(normalised.dtype)

    def _has_fast_slope(self) -> bool:
        slope: Tensor = self.A.weight
        return slope.dtype == torch.float32 and SLOPES[0] <= slope.item() <= SLOPES[1]


def _dense(features: Tensor) -> Tensor:
    """Return features as float32 without gaps in their memory."""
    single = features.float()
    last = torch.channels_last if features.ndim == 4 else torch.channels_last_3d
    return single if single.is_contiguous(memory_format=last) else single.contiguous()


def quicken(block: nn.Module) -> nn.Module:
    """Make every ADN in a block of MONAI's, of one PReLU each, one of ours; no parameter changes."""
    for part in block.modules():
        if type(part) is acti_norm.ADN:
            part.__class__ = ADN
    return block
