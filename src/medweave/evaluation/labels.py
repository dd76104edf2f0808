"""Classes as the tables of an evaluation hold them, several of one case joined by a separator."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

#: Between the names of several classes, or of several missing inputs.
SEPARATOR = "|"


def equal_classes(first: Iterable[str], second: Iterable[str]) -> NDArray[np.bool_]:
    """Tell where two columns of classes are the same; the order of several labels is no matter."""
    labels = [[frozenset(cell.split(SEPARATOR)) for cell in column] for column in (first, second)]
    return np.array([ours == theirs for ours, theirs in zip(*labels, strict=True)], dtype=np.bool_)
