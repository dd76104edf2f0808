"""The contracting path of a U-Net of residual blocks."""

import math
from collections.abc import Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import LevelChannels, Norm, ResidualBlock, level_kernels
from medweave.models.encoders.encoder import ENCODERS, Encoder


@ENCODERS.register("residual_unet")
class ResidualUNetEncoder(Encoder):
    """Stages of residual blocks, each but the first beginning with stride 2 (Isensee et al., arXiv:2404.09556).

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        channels: Channels of each stage.
        blocks: Residual blocks of each stage.
        norm: Kind of normalisation.
        steps: Reduction at each stage along each axis, for images with thick slices ([1, 1, 1], [2, 2, 1], …); null: 1
            at the first stage, 2 along every axis at the others. Kernels follow (`level_kernels`).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        channels: LevelChannels = (24, 48, 96, 192),
        blocks: Sequence[PositiveInt] = (1, 1, 2, 2),
        norm: Norm = "instance",
        steps: Sequence[Sequence[PositiveInt]] | None = None,
    ) -> None:
        super().__init__()
        if len(channels) != len(blocks):
            message = f"channels and blocks must have one length, got {len(channels)} and {len(blocks)}"
            raise ValueError(message)
        self.channels = tuple(channels)
        axes = (1,) * spatial_dims
        each = [tuple(step) for step in steps] if steps else [axes] + [(2,) * spatial_dims] * (len(channels) - 1)
        if len(each) != len(channels) or any(len(step) != spatial_dims for step in each):
            message = f"steps must hold {spatial_dims} numbers for each of the {len(channels)} stages, got {each}"
            raise ValueError(message)
        self.strides = tuple(
            tuple(math.prod(column) for column in zip(*each[: level + 1], strict=True)) for level in range(len(each))
        )
        kernels = level_kernels(self.strides)
        before = (in_channels, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    ResidualBlock(
                        before[level] if block == 0 else self.channels[level],
                        self.channels[level],
                        stride=each[level] if block == 0 else axes,
                        kernel=kernels[level],
                        norm=norm,
                        spatial_dims=spatial_dims,
                    )
                    for block in range(blocks[level])
                )
            )
            for level in range(len(self.channels))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        pyramid: list[Tensor] = []
        for stage in self.stages:
            pyramid.append(stage(pyramid[-1] if pyramid else image))
        return pyramid
