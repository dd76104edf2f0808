"""Whole-volume inference by a sliding window with Gaussian weights."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

from medweave.models.sizes import padded_size

Array = NDArray[np.float32]
#: Maps a batch (1, C, *window) to the logits of each head, (1, channels, *window), and features (1, F).
Network = Callable[[Array], dict[str, Array]]

#: Axes of a batch of features.
FEATURE_AXES = 2
#: Standard deviation of the Gaussian, as a share of the window (as nnU-Net and MONAI have it).
SIGMA_SHARE = 0.125
#: Weight of a window's far corners, the centre's being about 1 (as MONAI has it).
LEAST_WEIGHT = 1e-3


def infer_by_window(
    image: Array,
    network: Network,
    *,
    window_voxels: Sequence[int],
    overlap: float,
    divisor: Sequence[int],
) -> dict[str, Array]:
    """Run a network over an image of any size, averaging logits where windows overlap.

    Windows are laid evenly, the first and last flush with the image; logits are weighted by a Gaussian about the
    window's centre and accumulated in place. An axis shorter than the window is run whole, padded by its border up to
    a size that the network takes. Beside the image, memory holds one accumulator per logit channel and one for the
    weights, (channels + 1) float32 volumes, and one window's network.

    Args:
        image: (C, *spatial).
        network: The network on one window.
        window_voxels: Size of the window, each axis a multiple of its `divisor`.
        overlap: Share of a window that overlaps the next, from 0 to below 1.
        divisor: What the network needs each axis to be a multiple of.

    Returns:
        Logits (channels, *spatial) of each head, and the windows' mean of features (F,).
    """
    shape = image.shape[1:]
    window = padded_size([min(want, have) for want, have in zip(window_voxels, shape, strict=True)], divisor)
    margins = [(0, 0)] + [(0, max(want - have, 0)) for want, have in zip(window, shape, strict=True)]
    padded = np.pad(image, margins, mode="edge") if np.any(margins) else image
    corner = tuple(slice(0, have) for have in shape)
    starts = list(_starts(padded.shape[1:], window, overlap))
    if len(starts) == 1:
        return {head: _cut(logits[0], corner) for head, logits in network(padded[None]).items()}
    weights = _gaussian(window)
    total = np.zeros(padded.shape[1:], np.float32)
    sums: dict[str, Array] = {}
    for start in starts:
        place = tuple(slice(first, first + count) for first, count in zip(start, window, strict=True))
        for head, logits in network(padded[(slice(None), *place)][None]).items():
            is_map = logits.ndim > FEATURE_AXES
            if head not in sums:
                sums[head] = np.zeros((logits.shape[1], *(padded.shape[1:] if is_map else ())), np.float32)
            if is_map:
                sums[head][(slice(None), *place)] += logits[0] * weights
            else:
                sums[head] += logits[0]
        total[place] += weights
    for accumulated in sums.values():
        accumulated /= total if accumulated.ndim > 1 else len(starts)
    return {head: _cut(accumulated, corner) for head, accumulated in sums.items()}


def count_windows(shape: Sequence[int], *, window_voxels: Sequence[int], overlap: float, divisor: Sequence[int]) -> int:
    """Return how many windows `infer_by_window` lays over an image of this size."""
    window = padded_size([min(want, have) for want, have in zip(window_voxels, shape, strict=True)], divisor)
    padded = [max(want, have) for want, have in zip(window, shape, strict=True)]
    return sum(1 for _ in _starts(padded, window, overlap))


def _cut(values: Array, corner: tuple[slice, ...]) -> Array:
    return values[(slice(None), *corner)] if values.ndim > 1 else values


def _starts(shape: Sequence[int], window: Sequence[int], overlap: float) -> Iterator[tuple[int, ...]]:
    along_axes = []
    for have, want in zip(shape, window, strict=True):
        step = max(want * (1 - overlap), 1)
        count = int(np.ceil((have - want) / step)) + 1
        along_axes.append(np.linspace(0, have - want, count).round().astype(int).tolist())
    return product(*along_axes)


@lru_cache(maxsize=2)  # as large as a window, whose size a small image changes
def _gaussian(window: tuple[int, ...]) -> Array:
    weights = np.ones((), np.float32)
    for count in window:
        position = (np.arange(count) - (count - 1) / 2) / (count * SIGMA_SHARE)
        weights = weights[..., None] * np.exp(-(position**2) / 2).astype(np.float32)
    # Far corners must not fall to zero, or a voxel seen by one corner alone would divide zero by zero.
    floored: Array = np.maximum(weights, np.float32(LEAST_WEIGHT))
    return floored
