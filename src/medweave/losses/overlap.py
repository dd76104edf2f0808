"""Losses on the overlap of prediction and truth, alone or with cross-entropy; the arithmetic is MONAI's."""

from typing import Any

from monai.losses import DiceLoss, TverskyLoss
from torch import Tensor, nn
from torch.nn import functional

from medweave.losses.focal import Gamma, focal_terms
from medweave.losses.loss import LOSSES, Activation, SegmentationLoss, expand_labels


class _OverlapLoss(SegmentationLoss):
    """A MONAI loss on expanded labels.

    Args:
        loss: Called with logits and binary channels.
        structures: Number of structures.
        activation: Of the head.
    """

    def __init__(self, loss: nn.Module, *, structures: int, activation: Activation) -> None:
        super().__init__()
        self.loss = loss
        self.structures = structures
        self.activation: Activation = activation

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        truth = expand_labels(label_map, structures=self.structures, activation=self.activation)
        value: Tensor = self.loss(logits, truth)
        return value


def _options(activation: Activation, *, include_background: bool) -> dict[str, Any]:
    # With sigmoid there is no background channel to leave out.
    return {activation: True, "include_background": include_background or activation == "sigmoid"}


@LOSSES.register("dice")
class DiceOnly(_OverlapLoss):
    """Soft Dice (Milletari et al., 3DV 2016).

    Args:
        structures: Number of structures.
        activation: Of the head.
        include_background: Let the background count as a structure (softmax only).
        squared: Square the terms of the denominator.
        batch: Sum over the batch before dividing, so that samples without the structure do no harm.
        smooth: Added to numerator and denominator.
    """

    def __init__(
        self,
        *,
        structures: int,
        activation: Activation,
        include_background: bool = False,
        squared: bool = False,
        batch: bool = False,
        smooth: float = 1e-5,
    ) -> None:
        loss = DiceLoss(
            **_options(activation, include_background=include_background),
            squared_pred=squared,
            batch=batch,
            smooth_nr=smooth,
            smooth_dr=smooth,
        )
        super().__init__(loss, structures=structures, activation=activation)


@LOSSES.register("dice_ce")
class DiceCrossEntropy(DiceOnly):
    """Soft Dice plus cross-entropy; binary cross-entropy on logits with a sigmoid head.

    Args:
        structures: Number of structures.
        activation: Of the head.
        include_background: Let the background count in the Dice term (softmax only).
        squared: Square the terms of the Dice denominator.
        batch: Sum the Dice term over the batch before dividing.
        smooth: Added to the Dice numerator and denominator.
        dice_weight: Weight of the Dice term.
        ce_weight: Weight of the cross-entropy.
    """

    def __init__(
        self,
        *,
        structures: int,
        activation: Activation,
        include_background: bool = False,
        squared: bool = False,
        batch: bool = False,
        smooth: float = 1e-5,
        dice_weight: float = 1.0,
        ce_weight: float = 1.0,
    ) -> None:
        super().__init__(
            structures=structures,
            activation=activation,
            include_background=include_background,
            squared=squared,
            batch=batch,
            smooth=smooth,
        )
        self.dice_weight, self.ce_weight = dice_weight, ce_weight

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        if self.activation == "softmax":
            cross_entropy = functional.cross_entropy(logits, label_map)
        else:
            truth = expand_labels(label_map, structures=self.structures, activation=self.activation)
            cross_entropy = functional.binary_cross_entropy_with_logits(logits, truth)
        return self.dice_weight * super().forward(logits, label_map) + self.ce_weight * cross_entropy


@LOSSES.register("dice_focal")
class DiceFocal(DiceOnly):
    """Soft Dice plus focal loss (Lin et al., ICCV 2017).

    Args:
        structures: Number of structures.
        activation: Of the head.
        batch: Sum the Dice term over the batch before dividing.
        gamma: Focusing exponent.
        focal_weight: Weight of the focal term.
    """

    def __init__(
        self,
        *,
        structures: int,
        activation: Activation,
        batch: bool = False,
        gamma: Gamma = 2.0,
        focal_weight: float = 1.0,
    ) -> None:
        super().__init__(structures=structures, activation=activation, batch=batch)
        self.gamma, self.focal_weight = gamma, focal_weight

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        if self.activation == "softmax":
            cross_entropy = functional.cross_entropy(logits, label_map, reduction="none")
        else:
            truth = expand_labels(label_map, structures=self.structures, activation=self.activation)
            cross_entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return super().forward(logits, label_map) + self.focal_weight * focal_terms(cross_entropy, self.gamma).mean()


@LOSSES.register("tversky")
class Tversky(_OverlapLoss):
    """Tversky loss: false positives and false negatives with weights of their own (Salehi et al., MLMI 2017).

    Args:
        structures: Number of structures.
        activation: Of the head.
        false_positive_weight: Weight of false positives (alpha).
        false_negative_weight: Weight of false negatives (beta); above alpha favours sensitivity.
        batch: Sum over the batch before dividing.
    """

    def __init__(
        self,
        *,
        structures: int,
        activation: Activation,
        false_positive_weight: float = 0.3,
        false_negative_weight: float = 0.7,
        batch: bool = False,
    ) -> None:
        loss = TverskyLoss(
            **_options(activation, include_background=False),
            alpha=false_positive_weight,
            beta=false_negative_weight,
            batch=batch,
        )
        super().__init__(loss, structures=structures, activation=activation)
