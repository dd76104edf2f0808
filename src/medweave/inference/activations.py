"""From logits to probabilities, in NumPy: SciPy's functions take longer to import than a radiograph to predict."""

from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Activation = Literal["softmax", "sigmoid"]
FloatT = TypeVar("FloatT", bound=np.floating)


def softmax(logits: NDArray[FloatT]) -> NDArray[FloatT]:
    """Return the probabilities of classes along the first axis, of which one excludes the others."""
    values: NDArray[FloatT] = np.subtract(logits, logits.max(axis=0))
    np.exp(values, out=values)
    values /= values.sum(axis=0)
    return values


def sigmoid(logits: NDArray[FloatT]) -> NDArray[FloatT]:
    """Return the probability of each value by itself."""
    values: NDArray[FloatT] = np.negative(logits)
    with np.errstate(over="ignore"):  # of what is certainly absent, whose probability becomes 0
        np.exp(values, out=values)
    values += 1
    np.reciprocal(values, out=values)
    return values
