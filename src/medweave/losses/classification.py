"""Losses of a classification head, with weights against imbalance."""

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from medweave.losses.focal import Gamma, focal_terms
from medweave.losses.loss import LOSSES, ClassificationLoss

ClassWeights = tuple[Annotated[float, Field(gt=0)], ...] | Literal["balanced"] | None


class _WeightedByClass(ClassificationLoss):
    """A loss with a weight for each class.

    The weights are divided by their mean over the training cases, and the mean over a batch is plain: PyTorch's, which
    divides by the sum of the weights in the batch, takes most of their effect away in a small batch, and all in a batch
    of one. With several labels a case, the weight is that of the answer yes, as it is given.

    Args:
        class_shares: Share of the training cases that have each class.
        multi_label: Whether a case may have several classes.
        class_weights: Of each class; "balanced" makes the classes count alike: 1 / (classes * share), as scikit-learn
            has it, or with several labels (1 - share) / share.
    """

    weights: Tensor | None

    def __init__(self, *, class_shares: Sequence[float], multi_label: bool, class_weights: ClassWeights) -> None:
        super().__init__()
        if class_weights == "balanced":
            class_weights = tuple(
                (1 - share) / share if multi_label else 1 / (len(class_shares) * share) for share in class_shares
            )
        if class_weights is not None and len(class_weights) != len(class_shares):
            raise ValueError(f"class_weights needs a weight for each of {len(class_shares)} classes")
        if class_weights is not None and not multi_label:
            mean = sum(share * weight for share, weight in zip(class_shares, class_weights, strict=True))
            class_weights = tuple(weight / mean for weight in class_weights)
        self.multi_label = multi_label
        # Not part of a checkpoint: they follow from the recipe and the data.
        self.register_buffer(
            "weights", None if class_weights is None else torch.tensor(class_weights), persistent=False
        )


@LOSSES.register("cross_entropy")
class CrossEntropy(_WeightedByClass):
    """Cross-entropy; binary with several labels a case.

    Args:
        class_shares: Share of the training cases that have each class.
        multi_label: Whether a case may have several classes.
        class_weights: Of each class; "balanced" makes the classes count alike.
        label_smoothing: Share of each target that is spread evenly over the classes (Szegedy et al., CVPR 2016).
    """

    def __init__(
        self,
        *,
        class_shares: Sequence[float],
        multi_label: bool,
        class_weights: ClassWeights = None,
        label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        super().__init__(class_shares=class_shares, multi_label=multi_label, class_weights=class_weights)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        if self.multi_label:
            smoothed = target * (1 - self.label_smoothing) + self.label_smoothing / 2
            return functional.binary_cross_entropy_with_logits(logits, smoothed, pos_weight=self.weights)
        return functional.cross_entropy(
            logits, target, weight=self.weights, label_smoothing=self.label_smoothing, reduction="none"
        ).mean()


@LOSSES.register("focal")
class Focal(_WeightedByClass):
    """Focal loss (Lin et al., ICCV 2017); with gamma 0 the cross-entropy.

    Args:
        class_shares: Share of the training cases that have each class.
        multi_label: Whether a case may have several classes.
        gamma: Focusing exponent.
        class_weights: Of each class (alpha); "balanced" makes the classes count alike.
    """

    def __init__(
        self,
        *,
        class_shares: Sequence[float],
        multi_label: bool,
        gamma: Gamma = 2.0,
        class_weights: ClassWeights = None,
    ) -> None:
        super().__init__(class_shares=class_shares, multi_label=multi_label, class_weights=class_weights)
        self.gamma = gamma

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss."""
        weights = logits.new_ones(logits.shape[1]) if self.weights is None else self.weights
        if self.multi_label:
            cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
            return (torch.where(target > 0, weights, 1.0) * focal_terms(cross_entropy, self.gamma)).mean()
        cross_entropy = functional.cross_entropy(logits, target, reduction="none")
        return (weights[target] * focal_terms(cross_entropy, self.gamma)).mean()
