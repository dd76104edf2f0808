"""A segmentation head with a U-Net decoder of its own."""

from collections.abc import Sequence
from typing import Literal

from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import CONVOLUTIONS, Norm
from medweave.models.decoders.unet import UNetDecoder
from medweave.models.encoders.encoder import Stride
from medweave.models.features import Activation, SegmentationOutput
from medweave.models.heads.head import HEADS, SegmentationHead, logit_channels


@HEADS.register("unet_decoder")
class UNetDecoderHead(SegmentationHead):
    """U-Net decoder and a 1x1(x1) convolution to logits, for any encoder.

    Args:
        channels: Channels of the pyramid's levels.
        strides: Strides of the levels.
        structures: Number of structures.
        spatial_dims: 2 or 3.
        activation: "softmax" (exclusive structures and background) or "sigmoid" (one channel a structure).
        block: Decoder block: "double_conv" or "residual".
        norm: Kind of normalisation.
        max_channels: Of a decoded level, which otherwise has as many as the encoder's; a wide encoder such as DenseNet
            asks for it.
        deep_supervision: Levels that get logits of their own in training (Dou et al., MedIA 2017); 1: the finest only.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[Stride],
        structures: int,
        spatial_dims: int,
        activation: Activation = "softmax",
        block: Literal["double_conv", "residual"] = "double_conv",
        norm: Norm = "batch",
        max_channels: PositiveInt | None = None,
        deep_supervision: int = 1,
    ) -> None:
        super().__init__()
        self.activation = activation
        self.decoder = UNetDecoder(
            channels=channels,
            strides=strides,
            spatial_dims=spatial_dims,
            block=block,
            norm=norm,
            max_channels=max_channels,
        )
        if not 1 <= deep_supervision <= len(self.decoder.channels):
            message = f"deep_supervision must be from 1 to {len(self.decoder.channels)}, got {deep_supervision}"
            raise ValueError(message)
        self.decoded_channels = self.decoder.channels[0]
        convolution = CONVOLUTIONS[spatial_dims]
        self.projections = nn.ModuleList(
            convolution(self.decoder.channels[level], logit_channels(structures, activation), kernel_size=1)
            for level in range(deep_supervision)
        )

    def forward(self, pyramid: Sequence[Tensor]) -> SegmentationOutput:
        """Return logits and decoded features of a pyramid, finest level first."""
        decoded = self.decoder(pyramid)
        levels = len(self.projections) if self.training else 1
        return SegmentationOutput([self.projections[level](decoded[level]) for level in range(levels)], decoded[0])
