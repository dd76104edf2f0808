"""PReLU whose backward pass is fast on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn

from medweave.models.eager import is_eager_on_cpu


class _FastPReLU(torch.autograd.Function):
    """PyTorch's backward pass is not vectorised, and writes the slope's gradient of every activation before it sums."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        return torch.prelu(features, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        towards_features = torch.ops.aten.leaky_relu_backward(gradient, features, weight.item(), self_is_result=False)
        return towards_features, features.clamp(max=0).mul_(gradient).sum().view(1)


class PReLU(nn.PReLU):
    """PReLU (He et al., ICCV 2015), faster to train than PyTorch's on a CPU where all channels share one slope."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, those below zero times the slope."""
        shared = self.num_parameters == 1 and self.weight.dtype == features.dtype
        if self.training and shared and is_eager_on_cpu(features):
            activated: Tensor = _FastPReLU.apply(features, self.weight)  # type: ignore[no-untyped-call]
            return activated
        return super().forward(features)
