"""The fusion that weighs the inputs of each sample."""

from collections.abc import Mapping

import torch
from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.fusion.fusion import FUSIONS, Fusion, ModalityDropout, drop_inputs, project


@FUSIONS.register("gated_attention")
class GatedAttentionFusion(Fusion):
    """Mean of the present inputs' vectors, weighted by gated attention (Ilse et al., ICML 2018, equation 9).

    Each vector h is first projected to a common length (linear, ReLU). Its weight is the softmax over the present
    inputs of w · (tanh(V h) * sigmoid(U h)). A sample without any input gets zeros.

    Args:
        channels: Length of each input's vector.
        features: Length of the projected vectors.
        attention_features: Length of V h and U h.
        modality_dropout: Probability that an input is absent in training (`drop_inputs`).
    """

    def __init__(
        self,
        *,
        channels: Mapping[str, int],
        features: PositiveInt = 256,
        attention_features: PositiveInt = 128,
        modality_dropout: ModalityDropout = 0.0,
    ) -> None:
        super().__init__()
        self.modality_dropout = modality_dropout
        self.out_features = features
        self.projections = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(length, features), nn.ReLU()) for name, length in channels.items()}
        )
        self.content = nn.Sequential(nn.Linear(features, attention_features), nn.Tanh())
        self.gate = nn.Sequential(nn.Linear(features, attention_features), nn.Sigmoid())
        self.score = nn.Linear(attention_features, 1, bias=False)

    def forward(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Join vectors (B, C) to (B, out_features)."""
        seen = drop_inputs(present, self.modality_dropout) if self.training else present
        projected = torch.stack(project(self.projections, vectors, seen), dim=1)  # (B, inputs, features)
        scores = self.score(self.content(projected) * self.gate(projected))[..., 0]
        flags = torch.stack([seen[name] for name in self.projections], dim=1)
        # Not minus infinity, for a sample without any input would get NaN.
        weights = scores.masked_fill(~flags, torch.finfo(scores.dtype).min).softmax(dim=1)
        joined: Tensor = (weights[..., None] * projected).sum(dim=1)
        return joined
