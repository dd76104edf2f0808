"""The fusion that puts the inputs' vectors side by side."""

from collections.abc import Mapping

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.fusion.fusion import FUSIONS, Fusion, ModalityDropout, drop_inputs, project


@FUSIONS.register("concat")
class ConcatFusion(Fusion):
    """Concatenates the inputs' vectors; an absent input's place holds zeros.

    Args:
        channels: Length of each input's vector.
        features: Length to which each input's vector is first projected, linearly; null: as it is.
        modality_dropout: Probability that an input is absent in training (`drop_inputs`).
    """

    def __init__(
        self,
        *,
        channels: Mapping[str, int],
        features: PositiveInt | None = None,
        modality_dropout: ModalityDropout = 0.0,
    ) -> None:
        super().__init__()
        self.modality_dropout = modality_dropout
        self.projections = nn.ModuleDict(
            {name: nn.Linear(length, features) if features else nn.Identity() for name, length in channels.items()}
        )
        self.out_features = features * len(channels) if features else sum(channels.values())

    def forward(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Join vectors (B, C) to (B, out_features)."""
        seen = drop_inputs(present, self.modality_dropout) if self.training else present
        return torch.cat(project(self.projections, vectors, seen), dim=1)
