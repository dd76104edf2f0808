"""The contracting path of a U-Net of residual blocks."""

from collections.abc import Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import LevelChannels, Norm, ResidualBlock
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
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        channels: LevelChannels = (24, 48, 96, 192),
        blocks: Sequence[PositiveInt] = (1, 1, 2, 2),
        norm: Norm = "instance",
    ) -> None:
        super().__init__()
        if len(channels) != len(blocks):
            message = f"channels and blocks must have one length, got {len(channels)} and {len(blocks)}"
            raise ValueError(message)
        self.channels = tuple(channels)
        self.strides = tuple(2**level for level in range(len(self.channels)))
        before = (in_channels, *self.channels)
        self.stages = nn.ModuleList(
            nn.Sequential(
                *(
                    ResidualBlock(
                        before[level] if block == 0 else self.channels[level],
                        self.channels[level],
                        stride=2 if block == 0 and level > 0 else 1,
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
