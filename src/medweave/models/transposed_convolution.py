"""Transposed convolution that is fast to train on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medweave.models.eager import FEW_CHANNELS, is_eager_on_cpu

_CONVOLUTIONS = {4: functional.conv2d, 5: functional.conv3d}
_TRANSPOSED = {4: functional.conv_transpose2d, 5: functional.conv_transpose3d}
#: Which tap of a kernel of 3 takes the input at j + offset to the output at 2 j + parity: [parity, offset, tap].
_TAPS = torch.tensor([[[0.0, 1, 0], [0, 0, 0]], [[0, 0, 1], [1, 0, 0]]])


class _Doubling(torch.autograd.Function):
    """Transposed convolution with kernel 3, stride 2, padding 1 and output padding 1, which doubles every axis.

    The outputs at even and at odd places are convolutions of the input with kernels of their own, so one convolution
    gives all as channels (Shi et al., arXiv:1609.07009). oneDNN answers it faster than the transposed one of few output
    channels, which it fills up to 16.
    """

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(features, weight)
        axes = features.ndim - 2
        padded = functional.pad(features, (0, 1) * axes)
        split = _CONVOLUTIONS[features.ndim](padded, _split_kernel(weight), bias.repeat(2**axes))
        return _interleave(split, len(bias))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features, weight = ctx.saved_tensors
        ones = [1] * (features.ndim - 2)
        twos = [2] * len(ones)
        given: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
            gradient,
            features,
            weight,
            bias_sizes=[weight.shape[1]],
            stride=twos,
            padding=ones,
            dilation=ones,
            transposed=True,
            output_padding=ones,
            groups=1,
            output_mask=ctx.needs_input_grad,
        )
        return given


def _split_kernel(weight: Tensor) -> Tensor:
    """Return the kernels (2^axes * O, I, 2, …) of all parities for a weight (I, O, 3, …), O changing fastest."""
    axes = weight.ndim - 2
    split = weight
    for _ in range(axes):
        split = torch.tensordot(split, _TAPS, dims=([2], [2]))  # its parity and offset come last
    parities, offsets = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
    return split.permute(*parities, 1, 0, *offsets).reshape(-1, weight.shape[0], *[2] * axes)


def _interleave(split: Tensor, channels: int) -> Tensor:
    """Return (B, O, 2 x, 2 y, …) in the channels-last format from (B, 2^axes * O, x, y, …)."""
    batch, _, *size = split.shape
    axes = len(size)
    last = split.movedim(1, -1).contiguous().view(torch.complex64)  # two floats are moved at a time
    places_and_parities = (dim for axis in range(1, axes) for dim in (axis, axes + axis))
    parts = last.view(batch, *size, *[2] * (axes - 1), channels)
    parts = parts.permute(0, *places_and_parities, axes, 2 * axes).contiguous()
    return parts.view(torch.float32).view(batch, *(2 * count for count in size), channels).movedim(-1, 1)


def _quicker(layer: "ConvTranspose2d | ConvTranspose3d", features: Tensor) -> Tensor | None:
    """Return the answer of a layer in training, or None where PyTorch's own is to be used."""
    bias = layer.bias
    if bias is None or not layer.training or not is_eager_on_cpu(features):
        return None
    if len(bias) < FEW_CHANNELS:
        return _Doubling.apply(features, layer.weight, bias) if _doubles(layer, features) else None  # type: ignore[no-untyped-call]
    shape = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
    # oneDNN takes longer for the gradient of the bias than for the other two; that of a bias added afterwards is a sum.
    result = _TRANSPOSED[features.ndim](features, layer.weight, None, *shape)  # type: ignore[arg-type]
    return result.add_(bias.view(-1, *(1 for _ in features.shape[2:])))


def _doubles(layer: "ConvTranspose2d | ConvTranspose3d", features: Tensor) -> bool:
    wanted = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1, "dilation": 1}
    is_float32 = features.dtype == layer.weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return is_float32 and layer.groups == 1 and all(set(getattr(layer, name)) == {wanted[name]} for name in wanted)


class ConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution of (B, C, H, W), faster to train than PyTorch's on a CPU."""

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the upsampled features; `output_size` is as of PyTorch's layer."""
        result = _quicker(self, features) if output_size is None else None
        return super().forward(features, output_size) if result is None else result


class ConvTranspose3d(nn.ConvTranspose3d):
    """Transposed convolution of (B, C, D, H, W), faster to train than PyTorch's on a CPU."""

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return the upsampled features; `output_size` is as of PyTorch's layer."""
        result = _quicker(self, features) if output_size is None else None
        return super().forward(features, output_size) if result is None else result
