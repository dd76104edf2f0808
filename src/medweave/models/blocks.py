"""Normalisation layers and convolution blocks that the encoders and decoders share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, PositiveInt
from torch import Tensor, nn

from medweave.models.batch_norm import BatchNorm2d, BatchNorm3d
from medweave.models.instance_norm import InstanceNorm2d, InstanceNorm3d

#: Channels of each level of a network, finest first.
LevelChannels = Annotated[Sequence[PositiveInt], Field(min_length=2)]
Norm = Literal["batch", "instance", "group"]

#: By the number of axes.
CONVOLUTIONS: Mapping[int, Callable[..., nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}

#: One number for each axis.
Axes = tuple[int, ...]


def level_kernels(strides: Sequence[Axes]) -> list[Axes]:
    """Return the kernel of each level: 3, but 1 along an axis that the next level still keeps while it shrinks others.

    Thick slices are not mixed with their neighbours before the pixels within a slice are as far apart (Isensee et al.,
    Nat Methods 2021).

    Args:
        strides: Reduction of each level along each axis, finest first.
    """
    last = (3,) * len(strides[-1])
    return [tuple(1 if step == 1 and max(coarser) > 1 else 3 for step in coarser) for coarser in strides[1:]] + [last]


def same_padding(kernel: int | Axes) -> int | Axes:
    """Return the padding that keeps the size under an odd kernel."""
    return kernel // 2 if isinstance(kernel, int) else tuple(size // 2 for size in kernel)


def make_norm(norm: Norm, channels: int, *, spatial_dims: int) -> nn.Module:
    """Return a normalisation layer.

    Args:
        norm: "batch", "instance" (affine) or "group" (8 channels a group, fewer where they do not divide).
        channels: Channels of the input.
        spatial_dims: 2 or 3.
    """
    if norm == "batch":
        return (BatchNorm2d if spatial_dims == 2 else BatchNorm3d)(channels)
    if norm == "instance":
        return (InstanceNorm2d if spatial_dims == 2 else InstanceNorm3d)(channels, affine=True)
    groups = next(count for count in range(max(channels // 8, 1), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


class DoubleConv(nn.Sequential):
    """Two times 3x3(x3) convolution with bias, normalisation and ReLU (Ronneberger et al., MICCAI 2015).

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        norm: Kind of normalisation.
        spatial_dims: 2 or 3.
        kernel: Size of the kernels along each axis, or 3 along all.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, norm: Norm, spatial_dims: int, kernel: int | Axes = 3
    ) -> None:
        convolution = CONVOLUTIONS[spatial_dims]
        layers: list[nn.Module] = []
        for channels in (in_channels, out_channels):
            layers += [
                convolution(channels, out_channels, kernel_size=kernel, padding=same_padding(kernel)),
                make_norm(norm, out_channels, spatial_dims=spatial_dims),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers)


class ResidualBlock(nn.Module):
    """Two convolutions with a shortcut, pooled and projected where the shape changes (He et al., CVPR 2016, "D").

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Of the first convolution.
        norm: Kind of normalisation.
        spatial_dims: 2 or 3.
        kernel: Size of the kernels along each axis, or 3 along all.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int | Axes,
        norm: Norm,
        spatial_dims: int,
        kernel: int | Axes = 3,
    ) -> None:
        super().__init__()
        convolution = CONVOLUTIONS[spatial_dims]
        padding = same_padding(kernel)
        self.body = nn.Sequential(
            convolution(in_channels, out_channels, kernel_size=kernel, padding=padding, stride=stride, bias=False),
            make_norm(norm, out_channels, spatial_dims=spatial_dims),
            nn.LeakyReLU(0.01, inplace=True),
            convolution(out_channels, out_channels, kernel_size=kernel, padding=padding, bias=False),
            make_norm(norm, out_channels, spatial_dims=spatial_dims),
        )
        pool: Callable[..., nn.Module] = nn.AvgPool2d if spatial_dims == 2 else nn.AvgPool3d
        shortcut: list[nn.Module] = [pool(stride)] if stride not in (1, (1,) * spatial_dims) else []
        if in_channels != out_channels:
            shortcut += [
                convolution(in_channels, out_channels, kernel_size=1, bias=False),
                make_norm(norm, out_channels, spatial_dims=spatial_dims),
            ]
        self.shortcut = nn.Sequential(*shortcut)
        self.activation = nn.LeakyReLU(0.01, inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, in_channels, *spatial) to (B, out_channels, *spatial / stride)."""
        activated: Tensor = self.activation(self.body(features) + self.shortcut(features))
        return activated
