"""A classification head whose logits are divided by a temperature."""

from torch import Tensor

from medweave.models.features import Features
from medweave.models.heads.head import ClassificationHead


class TemperedHead(ClassificationHead):
    """Softens the answers of a head (Guo et al., ICML 2017), so that the network itself holds its calibration.

    Args:
        head: The head.
        temperature: Divides its logits.
    """

    def __init__(self, head: ClassificationHead, *, temperature: float) -> None:
        super().__init__()
        self.head = head
        self.temperature = temperature

    @property
    def looks_at_segmentations(self) -> bool:
        """What the head says."""
        return self.head.looks_at_segmentations

    def decoder_of(self, input_name: str) -> str | None:
        """Return what the head says."""
        return self.head.decoder_of(input_name)

    def forward(self, features: Features) -> Tensor:
        """Return the divided logits (B, classes)."""
        logits: Tensor = self.head(features)
        return logits / self.temperature
