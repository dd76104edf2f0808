"""The encoder contract and its registry."""

from torch import Tensor, nn

from medweave.core.registry import Registry

#: Reduction of one level along each axis, relative to the input.
Stride = tuple[int, ...]


class Encoder(nn.Module):
    """Maps one input (B, C, *spatial) to a feature pyramid.

    `forward` returns one tensor a level, finest first: level i has shape (B, channels[i], *spatial / strides[i]) when
    every axis is divisible by its entry of `strides[-1]`. A constructor takes the keyword arguments `in_channels` and
    `spatial_dims`, which the builder gives, and its own parameters, which a recipe may set.

    Attributes:
        channels: Channels of each level.
        strides: Reduction of each level along each axis; along no axis decreasing.
    """

    channels: tuple[int, ...]
    strides: tuple[Stride, ...]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        raise NotImplementedError


def equal_strides(*reductions: int, spatial_dims: int) -> tuple[Stride, ...]:
    """Return strides that are the same along every axis."""
    return tuple((reduction,) * spatial_dims for reduction in reductions)


ENCODERS: Registry[type[Encoder]] = Registry("encoder", home="medweave.models.encoders")
