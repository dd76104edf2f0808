"""A segmentation head with the decoder of MONAI's UNet."""

from collections.abc import Sequence

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import CONVOLUTIONS, Norm, make_norm
from medweave.models.decoders.monai_unet import MonaiUNetDecoder
from medweave.models.encoders.encoder import Stride, equal_strides
from medweave.models.features import Activation, SegmentationOutput
from medweave.models.heads.head import HEADS, SegmentationHead, logit_channels


@HEADS.register("monai_unet_decoder")
class MonaiUNetDecoderHead(SegmentationHead):
    """The way up of MONAI's UNet, for the encoder `monai_unet`.

    Its last layer gives the logits, or with `decoded_channels` features that two more convolutions turn into logits.

    Args:
        channels: Channels of the pyramid's levels.
        strides: Strides of the levels; must be 2, 4, …, 2^(n-1), 2^(n-1) along every axis.
        structures: Number of structures.
        spatial_dims: 2 or 3.
        activation: "softmax" (exclusive structures and background) or "sigmoid" (one channel a structure).
        residual_units: As in the encoder.
        norm: Kind of normalisation.
        dropout: Probability that an activation is set to zero.
        decoded_channels: Channels of the last layer, if it is not to give the logits.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[Stride],
        structures: int,
        spatial_dims: int,
        activation: Activation = "softmax",
        residual_units: int = 2,
        norm: Norm = "batch",
        dropout: float = 0.0,
        decoded_channels: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        halvings = [*range(1, len(channels)), len(channels) - 1]
        if tuple(strides) != equal_strides(*(2**count for count in halvings), spatial_dims=spatial_dims):
            message = f"this decoder needs the encoder 'monai_unet'; got an encoder with strides {tuple(strides)}"
            raise ValueError(message)
        self.activation = activation
        logits = logit_channels(structures, activation)
        self.decoded_channels = decoded_channels or logits
        self.decoder = MonaiUNetDecoder(
            channels=channels,
            out_channels=self.decoded_channels,
            spatial_dims=spatial_dims,
            residual_units=residual_units,
            norm=norm,
            dropout=dropout,
        )

        self.projection = (
            _projection(decoded_channels, logits, norm=norm, spatial_dims=spatial_dims) if decoded_channels else None
        )

    def forward(self, pyramid: Sequence[Tensor]) -> SegmentationOutput:
        """Return logits and decoded features of a pyramid, finest level first."""
        decoded: Tensor = self.decoder(pyramid)
        return SegmentationOutput([self.projection(decoded) if self.projection else decoded], decoded)


def _projection(in_channels: int, out_channels: int, *, norm: Norm, spatial_dims: int) -> nn.Sequential:
    """Return a 3x3(x3) convolution to half the channels, normalisation, ReLU and a 1x1(x1) convolution."""
    convolution = CONVOLUTIONS[spatial_dims]
    return nn.Sequential(
        convolution(in_channels, in_channels // 2, kernel_size=3, padding=1),
        make_norm(norm, in_channels // 2, spatial_dims=spatial_dims),
        nn.ReLU(inplace=True),
        convolution(in_channels // 2, out_channels, kernel_size=1),
    )
