"""What the encoders and the segmentation heads give to the classification heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class SegmentationOutput:
    """What a segmentation head makes of a pyramid.

    Attributes:
        logits: (B, channels, *spatial), finest first; more than one only with deep supervision in training.
        decoded: (B, C, *spatial), the decoder's finest features.
    """

    logits: list[Tensor]
    decoded: Tensor


@dataclass(frozen=True)
class Features:
    """Everything that a classification head may look at; rows of absent inputs are zeros and must not matter.

    Attributes:
        pyramids: Of each input, finest level first.
        segmentations: Of each segmentation head.
        present: (B,) bool of each input.
    """

    pyramids: Mapping[str, Sequence[Tensor]]
    segmentations: Mapping[str, SegmentationOutput]
    present: Mapping[str, Tensor]


@dataclass(frozen=True)
class FeatureChannels:
    """The widths of what `Features` holds.

    Attributes:
        pyramids: Channels of the levels of each input.
        decoded: Channels of the decoded features of each segmentation head.
        activations: Of each segmentation head's logits.
        inputs: Input that each segmentation head is drawn on.
    """

    pyramids: Mapping[str, Sequence[int]]
    decoded: Mapping[str, int]
    activations: Mapping[str, Activation]
    inputs: Mapping[str, str]
