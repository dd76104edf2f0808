"""The encoder contract and its registry."""

import math
from collections.abc import Sequence
from itertools import accumulate

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


def level_steps(
    steps: Sequence[Sequence[int]] | None, *, default: Sequence[int], spatial_dims: int
) -> tuple[Stride, ...]:
    """Return the reduction at each level along each axis, relative to the level before.

    Args:
        steps: As a recipe says, or None.
        default: Reduction at each level along every axis, taken where the recipe says nothing.
        spatial_dims: 2 or 3.

    Raises:
        ValueError: There is not one number for each axis of each level.
    """
    if steps is None:
        return equal_strides(*default, spatial_dims=spatial_dims)
    if len(steps) != len(default) or any(len(step) != spatial_dims for step in steps):
        message = (
            f"steps must hold {spatial_dims} numbers for each of the {len(default)} levels, "
            f"got {[list(step) for step in steps]}"
        )
        raise ValueError(message)
    return tuple(tuple(step) for step in steps)


def total_strides(steps: Sequence[Stride]) -> tuple[Stride, ...]:
    """Return the reduction of each level relative to the input."""
    return tuple(
        tuple(math.prod(column) for column in zip(*steps[: level + 1], strict=True)) for level in range(len(steps))
    )


def run_stages(stages: nn.ModuleList, image: Tensor) -> list[Tensor]:
    """Return what each stage makes of the one before, the first of the image."""
    return list(accumulate(stages, lambda features, stage: stage(features), initial=image))[1:]


ENCODERS: Registry[type[Encoder]] = Registry("encoder", home="medweave.models.encoders")
"""Encoders by name."""
