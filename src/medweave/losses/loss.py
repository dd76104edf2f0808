"""The loss contract, its registry, and the sum over heads."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
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
            logits: (B, channels, *spatial), float32, in any memory format.
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
"""Losses of segmentations and of classes by name."""


def expand_labels(label_map: Tensor, *, structures: int, activation: Activation) -> Tensor:
    """Return one binary channel for each channel of the logits, (B, channels, *spatial) float32."""
    labels = torch.arange(0 if activation == "softmax" else 1, structures + 1, device=label_map.device)
    return (label_map[:, None] == labels.view(-1, *(1 for _ in label_map.shape[1:]))).float()


@dataclass(frozen=True)
class WeightedLoss:
    """A head's loss and its weight in the sum."""

    loss: SegmentationLoss | ClassificationLoss
    weight: float


class MultiTaskLoss(nn.Module):
    """The heads' losses over the samples that have the truth, and their sum.

    With deep supervision level i counts 2^-i, the weights normalised to 1, on label maps sampled by nearest neighbour
    (Isensee et al., Nat Methods 2021).

    Args:
        terms: Loss and weight of each head.
        learn_weights: Let each head's uncertainty weigh its term (Kendall et al., CVPR 2018): with s the logarithm of
            its variance, learned with the network, a term counts exp(-s) times, and s costs log(1 + exp(s)) / 2, which
            unlike the paper's s / 2 is never negative (Liebel and Koerner, arXiv:1805.06334). All losses here are of
            classes or voxels, so this is the paper's formula for classification.
    """

    def __init__(self, terms: Mapping[str, WeightedLoss], *, learn_weights: bool = False) -> None:
        super().__init__()
        self.losses = nn.ModuleDict({head: term.loss for head, term in terms.items()})
        self.weights = {head: term.weight for head, term in terms.items()}
        self.log_variances = nn.ParameterDict(
            {head: nn.Parameter(torch.zeros(())) for head in terms} if learn_weights else {}
        )

    def forward(
        self, logits: Mapping[str, Sequence[Tensor]], truths: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the term of each head at its fixed weight; a head whose truth no sample has gives none.

        Args:
            logits: Of each head, (B, channels, *spatial), finest first, or (B, classes); a head may be left out.
            truths: Label map (B, *spatial) or target (B,) int64 (several labels a case: (B, classes)) of each head.
            present: (B,) bool of each head.
        """
        return {
            head: self.weights[head] * _over_levels(loss, logits[head], truths[head], present[head])
            for head, loss in self.losses.items()
            if head in logits and bool(present[head].any())
        }

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Return what a training step minimises: the sum of the terms, at learned weights where there are any."""
        if not self.log_variances:
            return torch.stack(list(terms.values())).sum()
        return torch.stack([self._at_learned_weight(head, term) for head, term in terms.items()]).sum()

    @property
    def learned_weights(self) -> dict[str, float]:
        """How much each head's loss counts at present, where weights are learned."""
        return {head: self.weights[head] * math.exp(-value.item()) for head, value in self.log_variances.items()}

    def _at_learned_weight(self, head: str, term: Tensor) -> Tensor:
        log_variance = self.log_variances[head]
        return torch.exp(-log_variance) * term + self.weights[head] * functional.softplus(log_variance) / 2


def _over_levels(loss: nn.Module, logits: Sequence[Tensor], truth: Tensor, present: Tensor) -> Tensor:
    """Return the loss of the present samples, over the levels of deep supervision."""
    shares = [0.5**index for index in range(len(logits))]
    # Indexing copies, and its backward pass scatters.
    truth, *logits = (truth, *logits) if present.all() else (values[present] for values in (truth, *logits))
    return sum(
        (
            share / sum(shares) * loss(level.float(), _shrink(truth, level.shape[2:]))
            for share, level in zip(shares, logits, strict=True)
        ),
        start=torch.zeros((), device=truth.device),
    )


def _shrink(label_map: Tensor, size: torch.Size) -> Tensor:
    """Return a label map at the size of a level; a target of a case has no size."""
    if not size or label_map.shape[1:] == size:
        return label_map
    return functional.interpolate(label_map[:, None].float(), size=tuple(size), mode="nearest")[:, 0].long()
