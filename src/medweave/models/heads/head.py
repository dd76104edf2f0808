"""The contract of segmentation heads and the registry of heads."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from medweave.core.registry import Registry

Activation = Literal["softmax", "sigmoid"]


def logit_channels(structures: int, activation: Activation) -> int:
    """Return the channels of a segmentation's logits: with softmax the background has one, the first."""
    return structures + 1 if activation == "softmax" else structures


class SegmentationHead(nn.Module):
    """Maps the joined pyramid to logits at the input's resolution.

    A constructor takes `channels` and `strides` (of the pyramid), `structures` (their number) and `spatial_dims`, which
    the builder gives, and its own parameters.

    Attributes:
        activation: What turns the logits into probabilities; losses and the Predictor apply it, the head never.
    """

    activation: Activation

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Return logits (B, channels, *spatial), finest first; more than one only with deep supervision in training."""
        raise NotImplementedError


HEADS: Registry[type[SegmentationHead]] = Registry("head", home="medweave.models.heads")
