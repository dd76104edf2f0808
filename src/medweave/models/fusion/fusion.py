"""The fusion contract, its registry, and the random absence of inputs in training."""

from collections.abc import Mapping
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from medweave.core.registry import Registry


class Fusion(nn.Module):
    """Joins one vector an input into one vector; each classification head has a fusion of its own.

    A constructor takes `channels` (length of each input's vector), which the builder gives, and its own parameters.

    Attributes:
        out_features: Length of the joined vector.
    """

    out_features: int

    def forward(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
        """Join vectors to (B, out_features).

        Args:
            vectors: (B, C) of each input.
            present: (B,) bool for each input; where False, the input's vector must not matter.
        """
        raise NotImplementedError


FUSIONS: Registry[type[Fusion]] = Registry("fusion", home="medweave.models.fusion")
"""Fusions by name."""

ModalityDropout = Annotated[float, Field(ge=0, lt=1)]


def project(projections: nn.ModuleDict, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the projected vector (B, C) of each input; zeros, through which no gradient flows, where it is absent.

    Args:
        projections: Of each input, in the order of the result.
        vectors: (B, C) of each input; what an absent one holds does not matter, be it NaN.
        present: (B,) bool of each input.
    """
    return [
        _zero_absent(projection(_zero_absent(vectors[name], present[name])), present[name])
        for name, projection in projections.items()
    ]


def _zero_absent(vectors: Tensor, present: Tensor) -> Tensor:
    return torch.where(present[:, None], vectors, 0.0)


def drop_inputs(present: Mapping[str, Tensor], probability: float) -> dict[str, Tensor]:
    """Let each input of each sample be absent with a probability, but never the last one that is present.

    Modality dropout (Neverova et al., ModDrop, TPAMI 2016): a network that has seen every subset answers for any.

    Args:
        present: (B,) bool for each input.
        probability: That a present input is dropped.
    """
    flags = torch.stack(list(present.values()))  # (inputs, B)
    draws = torch.rand(flags.shape, device=flags.device)
    kept = flags & (draws >= probability)
    # Where all would be dropped, the present input with the largest draw stays.
    last = torch.where(flags, draws, torch.full_like(draws, -1.0)).argmax(dim=0)
    rescued = torch.nn.functional.one_hot(last, num_classes=len(flags)).T.bool() & flags
    kept = torch.where(kept.any(dim=0), kept, rescued)
    return dict(zip(present, kept, strict=True))
