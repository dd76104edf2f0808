"""The contracts of heads and their registry."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from torch import Tensor, nn

from medweave.core.registry import Registry
from medweave.models.features import Activation, Features, SegmentationOutput


def logit_channels(structures: int, activation: Activation) -> int:
    """Return the channels of a segmentation's logits: with softmax the background has one, the first."""
    return structures + 1 if activation == "softmax" else structures


class SegmentationHead(nn.Module):
    """Maps the pyramid of the input that it is drawn on to logits at the input's resolution.

    A constructor takes `channels` and `strides` (of the pyramid's levels), `structures` (their number) and
    `spatial_dims`, which the builder gives, and its own parameters.

    Attributes:
        activation: What turns the logits into probabilities; losses and the Predictor apply it, the head never.
        decoded_channels: Channels of the decoded features.
    """

    kind: ClassVar[Literal["segmentation"]] = "segmentation"
    activation: Activation
    decoded_channels: int

    def forward(self, pyramid: Sequence[Tensor]) -> SegmentationOutput:
        """Return logits and decoded features of a pyramid, finest level first."""
        raise NotImplementedError


class ClassificationHead(nn.Module):
    """Maps the features of all inputs to the logits of classes.

    A constructor takes `sources` (`FeatureChannels`), `make_fusion` (from the length of each input's vector to the
    recipe's `Fusion`) and `classes` (their number), which the builder gives, and its own parameters.
    """

    kind: ClassVar[Literal["classification"]] = "classification"

    @property
    def looks_at_segmentations(self) -> bool:
        """Whether its answer depends on what the segmentation heads make of the pyramids."""
        return True

    def decoder_of(self, input_name: str) -> str | None:  # noqa: ARG002
        """Return the segmentation head whose decoded features it takes of an input; None where the pyramid's own."""
        return None

    def forward(self, features: Features) -> Tensor:
        """Return logits (B, classes)."""
        raise NotImplementedError


HEADS: Registry[type[SegmentationHead] | type[ClassificationHead]] = Registry("head", home="medweave.models.heads")
"""Segmentation and classification heads by name."""
