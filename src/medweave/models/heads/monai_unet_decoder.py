"""A segmentation head with the decoder of MONAI's UNet."""

from collections.abc import Sequence

from torch import Tensor

from medweave.models.blocks import Norm
from medweave.models.decoders.monai_unet import MonaiUNetDecoder
from medweave.models.heads.head import HEADS, Activation, SegmentationHead, logit_channels


@HEADS.register("monai_unet_decoder")
class MonaiUNetDecoderHead(SegmentationHead):
    """The way up of MONAI's UNet, whose last layer gives the logits; for the encoder `monai_unet`.

    Args:
        channels: Channels of the pyramid's levels.
        strides: Strides of the levels; must be 2, 4, …, 2^(n-1), 2^(n-1).
        structures: Number of structures.
        spatial_dims: 2 or 3.
        activation: "softmax" (exclusive structures and background) or "sigmoid" (one channel a structure).
        residual_units: As in the encoder.
        norm: Kind of normalisation.
        dropout: Probability that an activation is set to zero.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        structures: int,
        spatial_dims: int,
        activation: Activation = "softmax",
        residual_units: int = 2,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        halvings = [*range(1, len(channels)), len(channels) - 1]
        if list(strides) != [2**count for count in halvings]:
            message = f"this decoder needs the encoder 'monai_unet'; got an encoder with strides {tuple(strides)}"
            raise ValueError(message)
        self.activation = activation
        self.decoder = MonaiUNetDecoder(
            channels=channels,
            out_channels=logit_channels(structures, activation),
            spatial_dims=spatial_dims,
            residual_units=residual_units,
            norm=norm,
            dropout=dropout,
        )

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Return the logits."""
        return [self.decoder(pyramid)]
