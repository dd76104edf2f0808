"""The multi-task model: encoders, fusion, heads."""

from collections.abc import Mapping

from torch import Tensor, nn

from medweave.models.encoders.encoder import Encoder
from medweave.models.fusion.fusion import Fusion
from medweave.models.heads.head import SegmentationHead


class MultiTaskModel(nn.Module):
    """One encoder an input, a fusion, one head a task.

    Args:
        encoders: By input.
        fusion: Joins their pyramids.
        heads: By task.
    """

    def __init__(
        self, *, encoders: Mapping[str, Encoder], fusion: Fusion, heads: Mapping[str, SegmentationHead]
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.fusion = fusion
        self.heads = nn.ModuleDict(heads)

    @property
    def size_divisor(self) -> int:
        """The number that every axis of an input must be a multiple of."""
        return max(int(encoder.strides[-1]) for encoder in self.encoders.values())  # type: ignore[index]

    def forward(self, images: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
        """Run the network.

        Args:
            images: (B, C, *spatial) of each input, every axis a multiple of `size_divisor`.
            present: (B,) bool of each input.

        Returns:
            Logits of each head, finest first; one tensor a head in evaluation mode.
        """
        pyramids = {name: encoder(images[name]) for name, encoder in self.encoders.items()}
        fused = self.fusion(pyramids, present)
        return {name: head(fused) for name, head in self.heads.items()}
