"""The contracting path of a U-Net of residual blocks."""

from collections.abc import Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import LevelChannels, Norm, ResidualBlock, level_kernels
from medweave.models.encoders.encoder import ENCODERS, Encoder, level_steps, run_stages, total_strides


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
        each = level_steps(steps, default=(1, *[2] * (len(channels) - 1)), spatial_dims=spatial_dims)
        self.strides = total_strides(each)
        kernels = level_kernels(self.strides)
        before = (in_channels, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    ResidualBlock(
                        before[level] if block == 0 else self.channels[level],
                        self.channels[level],
                        stride=each[level] if block == 0 else 1,
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
        return run_stages(self.stages, image)
