"""The loss contract, its registry, and the sum over heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from monai.networks.utils import one_hot
from torch import Tensor, nn
from torch.nn import functional

from medweave.core.registry import Registry

Activation = Literal["softmax", "sigmoid"]


class SegmentationLoss(nn.Module):
    """A loss on the logits of a segmentation head, over the samples that have its label map.

    A constructor takes `structures` (their number) and `activation`, which the builder gives, and its own parameters.
    """

    kind: ClassVar[Literal["segmentation"]] = "segmentation"

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (B, channels, *spatial), float32.
            label_map: (B, *spatial) int64; 0 is background, k the k-th structure.
        """
        raise NotImplementedError


class ClassificationLoss(nn.Module):
    """A loss on the logits of a classification head, over the samples that have its target.

    A constructor takes `class_shares` (share of the training cases that have each class) and `multi_label`, which the
    builder gives, and its own parameters.
    """

    kind: ClassVar[Literal["classification"]] = "classification"

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            logits: (B, classes), float32.
            target: (B,) int64; with several labels a case (B, classes) float32.
        """
        raise NotImplementedError


LOSSES: Registry[type[SegmentationLoss] | type[ClassificationLoss]] = Registry("loss", home="medweave.losses")


def expand_labels(label_map: Tensor, *, structures: int, activation: Activation) -> Tensor:
    """Return one binary channel for each channel of the logits, (B, channels, *spatial) float32."""
    channels: Tensor = one_hot(label_map[:, None], num_classes=structures + 1, dtype=torch.float32)
    return channels if activation == "softmax" else channels[:, 1:]


@dataclass(frozen=True)
class WeightedLoss:
    """A head's loss and its weight in the sum."""

    loss: SegmentationLoss | ClassificationLoss
    weight: float


class MultiTaskLoss(nn.Module):
    """The weighted sum of the heads' losses over the samples that have the truth.

    A head's term is taken over the samples of the batch whose truth is present; where none is, the term is zero and
    has a zero gradient. With deep supervision level i counts 2^-i, the weights normalised to 1, on label maps sampled
    by nearest neighbour (Isensee et al., Nat Methods 2021).

    Args:
        terms: Loss and weight of each head.
    """

    def __init__(self, terms: Mapping[str, WeightedLoss]) -> None:
        super().__init__()
        self.losses = nn.ModuleDict({head: term.loss for head, term in terms.items()})
        self.weights = {head: term.weight for head, term in terms.items()}

    def forward(
        self, logits: Mapping[str, Sequence[Tensor]], truths: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the weighted term of each head; the loss to minimise is their sum.

        Args:
            logits: Of each head, (B, channels, *spatial), finest first, or (B, classes); a head without is left out.
            truths: Label map (B, *spatial) or target (B,) int64 (several labels a case: (B, classes)) of each head.
            present: (B,) bool of each head.
        """
        terms: dict[str, Tensor] = {}
        for head, loss in self.losses.items():
            if head not in logits:
                terms[head] = torch.zeros((), device=present[head].device)
                continue
            chosen = present[head]
            levels = [level.float() for level in logits[head]]
            if not bool(chosen.any()):
                terms[head] = levels[0].sum() * 0.0
                continue
            truth = truths[head][chosen]
            shares = [0.5**index for index in range(len(levels))]
            terms[head] = self.weights[head] * sum(
                (
                    share / sum(shares) * loss(level[chosen], _shrink(truth, level.shape[2:]))
                    for share, level in zip(shares, levels, strict=True)
                ),
                start=torch.zeros((), device=truth.device),
            )
        return terms


def _shrink(label_map: Tensor, size: torch.Size) -> Tensor:
    """Return a label map at the size of a level; a target of a case has no size."""
    if not size or label_map.shape[1:] == size:
        return label_map
    return functional.interpolate(label_map[:, None].float(), size=tuple(size), mode="nearest")[:, 0].long()
