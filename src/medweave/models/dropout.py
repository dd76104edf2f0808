"""Dropout with random numbers that are cheap on a CPU."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medweave.models.eager import is_eager_on_cpu

#: A draw is one of this many integers, those of 16 bits.
DRAWS = 2**16
#: Activations that one stream of random numbers serves; how many threads share the streams changes no number.
STREAM = 2**20


class _FastDropout(torch.autograd.Function):
    """PyTorch draws an integer of 32 or 64 bits for each activation; here four share 64 bits of a quicker generator."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, probability: float) -> Tensor:
        factors = _draw_factors(features, probability)
        ctx.save_for_backward(factors)
        return features * factors

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (factors,) = ctx.saved_tensors
        return gradient * factors, None


def _draw_factors(features: Tensor, probability: float) -> Tensor:
    """Return 0 or 1 / (1 - probability) for each activation, in the features' number and memory format."""
    seed = int(torch.randint(2**63 - 1, ()))  # so that PyTorch's seed decides
    factors = torch.empty_like(features, dtype=torch.float32)
    inner = factors.as_strided((factors.numel(),), (1,)).numpy()
    parts = [inner[start : start + STREAM] for start in range(0, len(inner), STREAM)]

    def draw(number: int, part: NDArray[np.float32]) -> None:
        draws = np.random.SFC64([seed, number]).random_raw(-(-len(part) // 4)).view(np.int16)
        kept = draws[: len(part)] >= round(probability * DRAWS) - DRAWS // 2
        np.multiply(kept, 1 / (1 - probability), dtype=np.float32, out=part)

    if len(parts) == 1:
        draw(0, inner)
    else:
        list(_threads(os.getpid()).map(draw, range(len(parts)), parts))
    return factors.to(features.dtype)


@cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Return the threads of a process; NumPy lets them run side by side."""
    return ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="dropout")


class Dropout(nn.Dropout):
    """Dropout (Srivastava et al., JMLR 2014), faster than PyTorch's on a CPU.

    There the probability is rounded to a multiple of 2^-16.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, in training with a random share set to zero and the others scaled up."""
        if self.training and 0 < self.p < 1 and is_eager_on_cpu(features):
            dropped: Tensor = _FastDropout.apply(features, self.p)  # type: ignore[no-untyped-call]
            return dropped
        return super().forward(features)
