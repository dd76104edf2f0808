"""How far a prediction is, and that it stops when its time is up: seen at each pass of a network."""

import time
from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from medweave.inference.backends.backend import Backend, ExplainingBackend
from medweave.inference.predictor import Predictor
from medweave.inference.sliding_window import count_windows
from medweave.preprocessing.pipeline import Preprocessed


class TimeIsUpError(Exception):
    """A prediction took longer than it may."""


class Watch:
    """Counts the passes of the prediction that runs; used by one thread at a time."""

    def __init__(self) -> None:
        self._ends = float("inf")
        self._passes, self._done = 1, 0
        self._on_progress: Callable[[float], None] = _ignore

    def start(self, *, seconds: float, passes: int, on_progress: Callable[[float], None]) -> None:
        """Begin to watch a prediction.

        Args:
            seconds: That it may take from now on.
            passes: Of a network that it will need.
            on_progress: Called before each pass with the share that is done.
        """
        self._ends = time.monotonic() + seconds
        self._passes, self._done, self._on_progress = passes, 0, on_progress

    def next_pass(self) -> None:
        """Tell that a network is about to run.

        Raises:
            TimeIsUpError: The time is up.
        """
        if time.monotonic() > self._ends:
            raise TimeIsUpError
        self._on_progress(min(self._done / self._passes, 1.0))
        self._done += 1


def _ignore(_progress: float) -> None:
    pass


class WatchedBackend:
    """A network whose passes are counted.

    Args:
        backend: The network.
        watch: Counts.
    """

    def __init__(self, backend: Backend, watch: Watch) -> None:
        self.backend = backend
        self.watch = watch

    @property
    def size_divisors(self) -> Mapping[str, Sequence[int]]:
        """The number that each axis of each input must be a multiple of."""
        return self.backend.size_divisors

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return what the network returns."""
        self.watch.next_pass()
        return self.backend(images, present)


class WatchedExplainingBackend(WatchedBackend):
    """A network whose passes are counted, and which can tell where it looks."""

    backend: ExplainingBackend

    def attention(
        self,
        images: Mapping[str, NDArray[np.float32]],
        present: Mapping[str, NDArray[np.bool_]],
        *,
        head: str,
        class_index: int,
    ) -> dict[str, NDArray[np.float32]]:
        """Return what the network returns."""
        return self.backend.attention(images, present, head=head, class_index=class_index)


def watched(backend: Backend, watch: Watch) -> WatchedBackend:
    """Return a network that is watched, and can still do what it could."""
    kind = WatchedExplainingBackend if isinstance(backend, ExplainingBackend) else WatchedBackend
    return kind(backend, watch)


def count_passes(predictor: Predictor, inputs: Mapping[str, Preprocessed]) -> int:
    """Return how many passes of a network the prediction of a case, or of cases of its sizes, takes."""
    window = predictor.window
    spatial_dims = max(found.image.ndim - 1 for found in inputs.values())
    passes = len(predictor.networks) * len(window.mirrorings(spatial_dims))
    if predictor.takes_whole_cases:
        return passes
    return passes * prod(
        count_windows(
            found.image.shape[1:],
            window_voxels=window.size_voxels[name],
            overlap=window.overlap,
            divisor=predictor.size_divisors[name],
        )
        for name, found in inputs.items()
    )
