"""Instance normalisation that keeps the channels-last memory format."""

from typing import Any

import torch
from torch import Tensor, nn

from medweave.models.eager import is_eager_on_cpu

#: Squared mean over variance above which float32 has too few digits for both; then the mean is taken away first.
FLAT = 1e3


class _FastInstanceNorm(torch.autograd.Function):
    """Instance normalisation in whole-tensor operations, forwards and backwards.

    PyTorch's own copies its input to the contiguous format, and the next convolution copies the result back.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
        shape = (*features.shape[:2], *(1 for _ in features.shape[2:]))
        mean, variance = _moments(features, eps)
        if (mean**2 > FLAT * variance).any():
            features = features - mean.float().view(shape)
            mean, variance = _moments(features, eps)
        mean, inverse_deviation = mean.float(), torch.rsqrt(variance + eps).float()
        scale = inverse_deviation if weight is None else inverse_deviation * weight
        offset = -mean * scale if bias is None else bias - mean * scale
        ctx.save_for_backward(features, weight, mean, inverse_deviation)
        return torch.addcmul(offset.view(shape), features, scale.view(shape))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        features, weight, mean, inverse_deviation = ctx.saved_tensors
        axes = tuple(range(2, features.ndim))
        shape = (*features.shape[:2], *(1 for _ in axes))
        voxels = features[0, 0].numel()
        gradient_sum = gradient.sum(axes)
        correlation = ((gradient * features).sum(axes) - mean * gradient_sum) * inverse_deviation
        scale = inverse_deviation if weight is None else inverse_deviation * weight
        slope = -scale * inverse_deviation * correlation / voxels
        offset = -scale * gradient_sum / voxels - slope * mean
        towards_features = torch.addcmul(offset.view(shape), features, slope.view(shape))
        towards_features.addcmul_(gradient, scale.view(shape))
        if weight is None:
            return towards_features, None, None, None
        return towards_features, correlation.sum(0), gradient_sum.sum(0), None


def _moments(features: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return the mean and variance of each channel of each sample, (B, C) in double precision.

    PyTorch's group normalisation keeps the channels-last format, but then adds up all voxels of a group in one float32
    number, which costs three digits in volumes. It is given the planes one by one, and their moments are joined here.
    """
    batch, channels, planes = features.shape[:3]
    voxels = features[0, 0, 0].numel()
    rows = features.movedim(1, -1).contiguous()  # as they are, unless the features were contiguous
    slabs = rows.view(batch * planes, voxels, 1, channels).permute(0, 3, 1, 2)
    _, means, inverse_deviations = torch.native_group_norm(
        slabs, None, None, batch * planes, channels, voxels, channels, eps
    )
    means = means.view(batch, planes, channels).double()
    variances = inverse_deviations.view(batch, planes, channels).double() ** -2 - eps
    mean = means.mean(dim=1)
    variance = (variances + (means - mean[:, None]) ** 2).mean(dim=1).clamp_min(0)
    return mean, variance


def _normalise(layer: "InstanceNorm2d | InstanceNorm3d", features: Tensor) -> Tensor | None:
    """Return the normalised features, or None where PyTorch's own layer is to be used: on a GPU or in an export.

    It also is where a channel has a single voxel, which it refuses in training.
    """
    if not is_eager_on_cpu(features) or features.shape[2:].numel() == 1:
        return None
    with torch.autocast("cpu", enabled=False):
        result: Tensor = _FastInstanceNorm.apply(  # type: ignore[no-untyped-call]
            features.float(), layer.weight, layer.bias, layer.eps
        )
    return result


class InstanceNorm2d(nn.InstanceNorm2d):
    """Instance normalisation (Ulyanov et al., 2016) of (B, C, H, W), faster than PyTorch's on a CPU."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with mean 0 and deviation 1 over each channel of each sample, scaled and shifted."""
        normalised = _normalise(self, features)
        return super().forward(features) if normalised is None else normalised


class InstanceNorm3d(nn.InstanceNorm3d):
    """Instance normalisation (Ulyanov et al., 2016) of (B, C, D, H, W), faster than PyTorch's on a CPU."""

    def forward(self, features: Tensor) -> Tensor:
        """Return the features with mean 0 and deviation 1 over each channel of each sample, scaled and shifted."""
        normalised = _normalise(self, features)
        return super().forward(features) if normalised is None else normalised
