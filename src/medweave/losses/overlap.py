"""Losses on the overlap of prediction and truth, alone or with cross-entropy; the arithmetic is MONAI's.

They are dataclasses, so that a loss has the parameters of the one that it extends.
"""

from dataclasses import dataclass

from monai.losses import DiceLoss, TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

from medweave.losses.focal import Gamma, focal_terms
from medweave.losses.loss import LOSSES, Activation, SegmentationLoss, expand_labels


@dataclass(kw_only=True, eq=False, repr=False)
class _OverlapLoss(SegmentationLoss):
    """A MONAI loss on expanded labels.

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
        self.loss = self.overlap()

    def overlap(self) -> nn.Module:
        """Return MONAI's loss, called with logits and binary channels."""
        raise NotImplementedError

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        value: Tensor = self.loss(logits, self.channels_of(label_map))
        return value

    def channels_of(self, label_map: Tensor) -> Tensor:
        """Return the truth as one binary channel for each channel of the logits."""
        return expand_labels(label_map, structures=self.structures, activation=self.activation)

    def cross_entropies(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the cross-entropy of each voxel; with a sigmoid head the binary one of each voxel and structure."""
        if self.activation == "softmax":
            return functional.cross_entropy(logits, label_map, reduction="none")
        return functional.binary_cross_entropy_with_logits(logits, self.channels_of(label_map), reduction="none")


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

    def overlap(self) -> nn.Module:
        """Return MONAI's Dice loss."""
        loss: nn.Module = DiceLoss(
            softmax=self.activation == "softmax",
            sigmoid=self.activation == "sigmoid",
            # With sigmoid there is no background channel to leave out.
            include_background=self.include_background or self.activation == "sigmoid",
            squared_pred=self.squared,
            batch=self.batch,
            smooth_nr=self.smooth,
            smooth_dr=self.smooth,
        )
        return loss


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

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        cross_entropy = self.cross_entropies(logits, label_map).mean()
        return self.dice_weight * super().forward(logits, label_map) + self.ce_weight * cross_entropy


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

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        focal = focal_terms(self.cross_entropies(logits, label_map), self.gamma).mean()
        return super().forward(logits, label_map) + self.focal_weight * focal


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

    def overlap(self) -> nn.Module:
        """Return MONAI's Tversky loss."""
        loss: nn.Module = TverskyLoss(
            softmax=self.activation == "softmax",
            sigmoid=self.activation == "sigmoid",
            include_background=self.activation == "sigmoid",
            alpha=self.false_positive_weight,
            beta=self.false_negative_weight,
            batch=self.batch,
        )
        return loss
