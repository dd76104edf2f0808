"""The head `summed_pyramid`: a segmentation head with next to no parameters."""

from collections.abc import Sequence

import torch
from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from medweave.models.encoders.encoder import Stride
from medweave.models.features import Activation, SegmentationOutput
from medweave.models.heads.head import HEADS, SegmentationHead, logit_channels


@HEADS.register("summed_pyramid")
class SummedPyramidHead(SegmentationHead):
    """Brings the levels to one width and size, and adds them (Kirillov et al., Panoptic FPN, CVPR 2019).

    Args:
        channels: Channels of the pyramid's levels.
        strides: Strides of the levels.
        structures: Number of structures.
        spatial_dims: 2 or 3.
        activation: "softmax" (exclusive structures and background) or "sigmoid" (one channel a structure).
        width: Channels of the sum.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[Stride],
        structures: int,
        spatial_dims: int,
        activation: Activation = "softmax",
        width: PositiveInt = 32,
    ) -> None:
        super().__init__()
        convolution = nn.Conv2d if spatial_dims == 2 else nn.Conv3d
        self.activation = activation
        self.decoded_channels = width
        self.strides = tuple(strides)
        self.mode = "bilinear" if spatial_dims == 2 else "trilinear"
        self.projections = nn.ModuleList(convolution(count, width, kernel_size=1) for count in channels)
        self.to_logits = convolution(width, logit_channels(structures, activation), kernel_size=1)

    def forward(self, pyramid: Sequence[Tensor]) -> SegmentationOutput:
        """Return logits and decoded features of a pyramid, finest level first."""
        levels = [
            functional.interpolate(projection(level), scale_factor=[float(step) for step in stride], mode=self.mode)
            for projection, level, stride in zip(self.projections, pyramid, self.strides, strict=True)
        ]
        decoded = functional.relu(torch.stack(levels).sum(dim=0))
        return SegmentationOutput([self.to_logits(decoded)], decoded)
