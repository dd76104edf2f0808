"""The loss `log_cosh_dice`: soft Dice with a gentle end."""

import torch
from monai.losses import DiceLoss
from torch import Tensor

from medweave.losses.loss import LOSSES, Activation, SegmentationLoss, expand_labels


@LOSSES.register("log_cosh_dice")
class LogCoshDice(SegmentationLoss):
    """The logarithm of the hyperbolic cosine of the soft Dice loss (Jadon, CIBCB 2020).

    Args:
        structures: Number of structures.
        activation: Of the head.
        sharpness: Multiplies the Dice loss inside the cosine.
    """

    def __init__(self, *, structures: int, activation: Activation, sharpness: float = 1.0) -> None:
        super().__init__()
        self.structures, self.activation, self.sharpness = structures, activation, sharpness
        self.dice = DiceLoss(
            softmax=activation == "softmax",
            sigmoid=activation == "sigmoid",
            include_background=activation == "sigmoid",  # softmax has a channel of the background, the first
            batch=True,
        )

    def forward(self, logits: Tensor, label_map: Tensor) -> Tensor:
        """Return the scalar loss."""
        channels = expand_labels(label_map, structures=self.structures, activation=self.activation)
        return torch.log(torch.cosh(self.sharpness * self.dice(logits, channels)))
