"""The encoder contract and its registry."""

from torch import Tensor, nn

from medweave.core.registry import Registry


class Encoder(nn.Module):
    """Maps one input (B, C, *spatial) to a feature pyramid.

    `forward` returns one tensor a level, finest first: level i has shape (B, channels[i], *spatial / strides[i]) when
    every axis is divisible by `strides[-1]`. A constructor takes the keyword arguments `in_channels` and
    `spatial_dims`, which the builder gives, and its own parameters, which a recipe may set.

    Attributes:
        channels: Channels of each level.
        strides: Reduction of each level relative to the input; not decreasing.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        raise NotImplementedError


ENCODERS: Registry[type[Encoder]] = Registry("encoder", home="medweave.models.encoders")
