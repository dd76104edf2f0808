"""What a Predictor asks of whatever runs a network."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


class Backend(Protocol):
    """What runs the network on a batch of arrays."""

    @property
    def size_divisors(self) -> Mapping[str, Sequence[int]]:
        """The number that each axis of each input must be a multiple of."""
        ...

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head, (B, channels, *spatial) or (B, classes).

        A backend that can also returns the pooled bottleneck features (B, F) of each input, as `features.INPUT`.
        """
        ...


@runtime_checkable
class ExplainingBackend(Backend, Protocol):
    """A backend that can tell where the network looks."""

    def attention(
        self,
        images: Mapping[str, NDArray[np.float32]],
        present: Mapping[str, NDArray[np.bool_]],
        *,
        head: str,
        class_index: int,
    ) -> dict[str, NDArray[np.float32]]:
        """Return how much each place (*spatial) of each present input of a batch of one speaks for a class."""
        ...
