"""Several networks that answer as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medweave.inference.predictor import Backend


@dataclass(frozen=True)
class Ensemble:
    """The mean of the logits of some networks.

    Attributes:
        members: The networks; they take images of the same sizes.
    """

    members: Sequence[Backend]

    @property
    def size_divisors(self) -> Mapping[str, Sequence[int]]:
        """The number that each axis of each input must be a multiple of."""
        return self.members[0].size_divisors

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the mean of what the networks return."""
        answers = [member(images, present) for member in self.members]
        return {name: np.mean([answer[name] for answer in answers], axis=0, dtype=np.float32) for name in answers[0]}


def average_of(networks: Sequence[Backend]) -> Backend:
    """Return the only network, or an ensemble of several."""
    return networks[0] if len(networks) == 1 else Ensemble(networks)
