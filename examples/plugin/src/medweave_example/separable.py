"""The encoder `separable`: few parameters by convolutions of one channel each."""

from collections.abc import Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.encoders.encoder import ENCODERS, Encoder, equal_strides


@ENCODERS.register("separable")
class SeparableEncoder(Encoder):
    """Depthwise separable convolutions (Howard et al., MobileNets, 2017), halved between the levels.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        channels: Channels of each level, finest first.
    """

    def __init__(
        self, *, in_channels: int, spatial_dims: int, channels: Sequence[PositiveInt] = (16, 32, 64, 128)
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.strides = equal_strides(*(2**level for level in range(len(channels))), spatial_dims=spatial_dims)
        widths = (in_channels, *channels)
        self.stages = nn.ModuleList(
            _stage(widths[level], widths[level + 1], step=2 if level else 1, spatial_dims=spatial_dims)
            for level in range(len(channels))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        pyramid: list[Tensor] = []
        for stage in self.stages:
            pyramid.append(stage(pyramid[-1] if pyramid else image))
        return pyramid


def _stage(in_channels: int, out_channels: int, *, step: int, spatial_dims: int) -> nn.Sequential:
    convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
    return nn.Sequential(
        convolution(in_channels, in_channels, kernel_size=3, padding=1, stride=step, groups=in_channels, bias=False),
        convolution(in_channels, out_channels, kernel_size=1, bias=False),
        (nn.BatchNorm2d if spatial_dims == 2 else nn.BatchNorm3d)(out_channels),
        nn.ReLU(inplace=True),
    )
