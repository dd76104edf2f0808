"""Losses on the overlap of prediction and truth, alone or with cross-entropy.

They are dataclasses, so that a loss has the parameters of the one that it extends.
"""

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from medweave.losses.focal import Gamma, focal_terms
from medweave.losses.loss import LOSSES, Activation, SegmentationLoss, expand_labels


@dataclass(kw_only=True, eq=False, repr=False)
class _OverlapLoss(SegmentationLoss):
    """1 - a score of the overlap, the mean over structures and, without `batch`, over samples.

    Args:
        structures: Number of structures.
        activation: Of the head.
        batch: Sum over the batch before dividing, so that samples without the structure do no harm.
    """

    structures: int
    activation: Activation
    batch: bool = False

    def __post_init__(self) -> None:
        super().__init__()
        self.is_one_logit = self.activation == "softmax" and self.structures == 1 and not self.counts_background
        if self.is_one_logit:
            self.activation = "sigmoid"

    @property
    def counts_background(self) -> bool:
        """Whether the background is a structure too."""
        return False

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        if self.is_one_logit:
            # The softmax of two logits is the sigmoid of their difference, and half the work.
            background, structure = logits.unbind(dim=1)
            logits = (structure - background)[:, None]
        logits = logits.contiguous()  # the format in which a few channels are vectorised over
        # The channels that count: with a softmax the background is the first.
        counted: Activation = "softmax" if self.counts_background else "sigmoid"
        truth = expand_labels(label_map, structures=self.structures, activation=counted)
        return self.value(logits, label_map, truth)

    def value(self, logits: Tensor, label_map: Tensor, truth: Tensor) -> Tensor:  # noqa: ARG002 -- for a cross-entropy
        """Return the scalar loss.

        Args:
            logits: (B, channels, *spatial).
            label_map: (B, *spatial) int64.
            truth: The label map as one binary channel for each channel of the logits that counts, the last ones.
        """
        probabilities = logits.softmax(dim=1) if self.activation == "softmax" else logits.sigmoid()
        probabilities = probabilities[:, -truth.shape[1] :]
        axes = [*([0] if self.batch else []), *range(2, logits.ndim)]
        overlap = (probabilities * truth).sum(axes)
        return (1 - self.score(overlap, self.size(probabilities).sum(axes), truth.sum(axes))).mean()

    def size(self, probabilities: Tensor) -> Tensor:
        """Return what each voxel adds to the size of the prediction."""
        return probabilities

    def score(self, overlap: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """Return the score of each structure, 1 at best, from the overlap and the two sizes."""
        raise NotImplementedError

    def cross_entropies(self, logits: Tensor, label_map: Tensor, truth: Tensor) -> Tensor:
        """Return the cross-entropy of each voxel; with a sigmoid head the binary one of each voxel and structure."""
        if self.activation == "softmax":
            return functional.cross_entropy(logits, label_map, reduction="none")
        return functional.softplus(logits) - truth * logits


@LOSSES.register("dice")
@dataclass(kw_only=True, eq=False, repr=False)
class DiceOnly(_OverlapLoss):
    """Soft Dice (Milletari et al., 3DV 2016).

    Args:
        structures: Number of structures.
        activation: Of the head.
        batch: Sum over the batch before dividing, so that samples without the structure do no harm.
        include_background: Let the background count as a structure (softmax only).
        squared: Square the terms of the denominator.
        smooth: Added to numerator and denominator.
    """

    include_background: bool = False
    squared: bool = False
    smooth: float = 1e-5

    @property
    def counts_background(self) -> bool:
        """Whether the background is a structure too."""
        return self.include_background and self.activation == "softmax"

    def size(self, probabilities: Tensor) -> Tensor:
        """Return what each voxel adds to the size of the prediction."""
        return probabilities.square() if self.squared else probabilities

    def score(self, overlap: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """Return the Dice coefficient of each structure."""
        return (2 * overlap + self.smooth) / (predicted + true + self.smooth)


@LOSSES.register("dice_ce")
@dataclass(kw_only=True, eq=False, repr=False)
class DiceCrossEntropy(DiceOnly):
    """Soft Dice plus cross-entropy; binary cross-entropy on logits with a sigmoid head.

    Args (beside those of `dice`):
        dice_weight: Weight of the Dice term.
        ce_weight: Weight of the cross-entropy.
    """

    dice_weight: float = 1.0
    ce_weight: float = 1.0

    def value(self, logits: Tensor, label_map: Tensor, truth: Tensor) -> Tensor:
        """Return the scalar loss."""
        cross_entropy = self.cross_entropies(logits, label_map, truth).mean()
        return self.dice_weight * super().value(logits, label_map, truth) + self.ce_weight * cross_entropy


@LOSSES.register("dice_focal")
@dataclass(kw_only=True, eq=False, repr=False)
class DiceFocal(DiceOnly):
    """Soft Dice plus focal loss (Lin et al., ICCV 2017).

    Args (beside those of `dice`):
        gamma: Focusing exponent.
        focal_weight: Weight of the focal term.
    """

    gamma: Gamma = 2.0
    focal_weight: float = 1.0

    def value(self, logits: Tensor, label_map: Tensor, truth: Tensor) -> Tensor:
        """Return the scalar loss."""
        focal = focal_terms(self.cross_entropies(logits, label_map, truth), self.gamma).mean()
        return super().value(logits, label_map, truth) + self.focal_weight * focal


@LOSSES.register("tversky")
@dataclass(kw_only=True, eq=False, repr=False)
class Tversky(_OverlapLoss):
    """Tversky loss: false positives and false negatives with weights of their own (Salehi et al., MLMI 2017).

    Args:
        structures: Number of structures.
        activation: Of the head.
        batch: Sum over the batch before dividing, so that samples without the structure do no harm.
        false_positive_weight: Weight of false positives (alpha).
        false_negative_weight: Weight of false negatives (beta); above alpha favours sensitivity.
    """

    false_positive_weight: float = 0.3
    false_negative_weight: float = 0.7

    def score(self, overlap: Tensor, predicted: Tensor, true: Tensor) -> Tensor:
        """Return the Tversky index of each structure."""
        wrong = self.false_positive_weight * (predicted - overlap) + self.false_negative_weight * (true - overlap)
        return (overlap + 1e-5) / (overlap + wrong + 1e-5)
