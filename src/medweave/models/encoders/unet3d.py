"""The contracting path of the U-Net with double convolutions and max pooling."""

from torch import Tensor, nn

from medweave.models.blocks import DoubleConv, LevelChannels, Norm
from medweave.models.encoders.encoder import ENCODERS, Encoder, equal_strides


@ENCODERS.register("unet3d")
class UNet3DEncoder(Encoder):
    """Double convolutions joined by max pooling (Çiçek et al., MICCAI 2016).

    With the default parameters and the head `unet_decoder` (one sigmoid channel) the network has 22,581,217 parameters
    for one input channel.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        channels: Channels of each level; the last is the bottleneck.
        norm: Kind of normalisation.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        channels: LevelChannels = (32, 64, 128, 256, 512),
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.strides = equal_strides(*(2**level for level in range(len(self.channels))), spatial_dims=spatial_dims)
        self.stages = nn.ModuleList(
            DoubleConv(before, after, norm=norm, spatial_dims=spatial_dims)
            for before, after in zip((in_channels, *self.channels), self.channels, strict=False)
        )
        self.pool = (nn.MaxPool2d if spatial_dims == 2 else nn.MaxPool3d)(2)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        pyramid: list[Tensor] = []
        for stage in self.stages:
            pyramid.append(stage(self.pool(pyramid[-1]) if pyramid else image))
        return pyramid
