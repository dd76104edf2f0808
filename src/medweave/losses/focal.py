"""The focal factor: what is answered well already counts less."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

Gamma = Annotated[float, Field(ge=0)]


def focal_terms(cross_entropy: Tensor, gamma: float) -> Tensor:
    """Return (1 - p)^gamma * cross-entropy, p being the probability given to the truth (Lin et al., ICCV 2017).

    Args:
        cross_entropy: -log p of each answer, any shape.
        gamma: Focusing exponent; 0 leaves the cross-entropy as it is.
    """
    # Below 1 an exponent has no finite slope at p = 1.
    missed = -torch.expm1(-cross_entropy)
    return missed.clamp_min(torch.finfo(missed.dtype).eps) ** gamma * cross_entropy
