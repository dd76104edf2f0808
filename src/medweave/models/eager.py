"""Where layers with arithmetic of their own for a CPU may use it."""

import torch
from torch import Tensor

#: With fewer channels than this, channels-last kernels have nothing to vectorise over.
FEW_CHANNELS = 8


def is_eager_on_cpu(features: Tensor) -> bool:
    """Whether a layer runs step by step on a CPU: neither on a GPU nor traced, compiled or exported."""
    traced = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    return features.device.type == "cpu" and not traced
