"""Overlap of two masks, from the counts of their voxels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Counts:
    """Voxels of a predicted and a true mask, by who holds them.

    Attributes:
        both: In both masks (true positives).
        predicted_only: In the prediction alone (false positives).
        truth_only: In the truth alone (false negatives).
    """

    both: int
    predicted_only: int
    truth_only: int

    @property
    def predicted(self) -> int:
        """Voxels of the prediction."""
        return self.both + self.predicted_only

    @property
    def truth(self) -> int:
        """Voxels of the truth."""
        return self.both + self.truth_only


def confusion(predicted: NDArray[np.bool_], truth: NDArray[np.bool_]) -> Counts:
    """Count the voxels of two boolean masks of one shape."""
    both = _count(predicted & truth)
    return Counts(both, _count(predicted) - both, _count(truth) - both)


def dice(counts: Counts) -> float:
    """Return 2 |A and B| / (|A| + |B|); 1 where both masks are empty (Dice 1945)."""
    return _ratio(2 * counts.both, counts.predicted + counts.truth)


def dice_of_structures(
    predicted: NDArray[np.integer[Any]], truth: NDArray[np.integer[Any]], structures: Mapping[str, int]
) -> dict[str, float]:
    """Return the Dice of each structure in two label maps of one shape.

    Args:
        predicted: Label map.
        truth: Label map.
        structures: Values of the structures by name.
    """
    return {name: dice(confusion(predicted == value, truth == value)) for name, value in structures.items()}


def mean_dice(of_structures: Mapping[str, float]) -> float:
    """Return the Dice of a case from that of each structure, each counting alike."""
    return sum(of_structures.values()) / len(of_structures)


def iou(counts: Counts) -> float:
    """Return |A and B| / |A or B|; 1 where both masks are empty (Jaccard 1912)."""
    return _ratio(counts.both, counts.both + counts.predicted_only + counts.truth_only)


def precision(counts: Counts) -> float:
    """Return the true part of the prediction; without a prediction 1 if there is nothing to find, else 0."""
    return _ratio(counts.both, counts.predicted, otherwise=float(counts.truth == 0))


def sensitivity(counts: Counts) -> float:
    """Return the found part of the truth; without a truth 1 if nothing was predicted, else 0."""
    return _ratio(counts.both, counts.truth, otherwise=float(counts.predicted == 0))


def _count(mask: NDArray[Any]) -> int:
    return int(np.count_nonzero(mask))


def _ratio(part: int, whole: int, *, otherwise: float = 1.0) -> float:
    return part / whole if whole else otherwise
