"""How well scores rank the cases of a class above the others: areas under curves, for many weightings at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Ranking:
    """The weight of a class and of all others at each distinct score, from the lowest score to the highest.

    Attributes:
        inside: Of the class, (weightings, scores).
        outside: Of the others, (weightings, scores).
    """

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]

    @classmethod
    def of(cls, weights: NDArray[np.float64], positive: NDArray[np.bool_], scores: NDArray[np.float64]) -> "Ranking":
        """Rank cases by their scores.

        Args:
            weights: Of each case, (weightings, cases).
            positive: Whether each case is of the class, (cases,).
            scores: Of each case, (cases,).
        """
        order = np.argsort(scores, kind="stable")
        starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
        inside, outside = (weights[:, order] * member[order] for member in (positive, ~positive))
        if len(starts) < len(order):
            inside, outside = (np.add.reduceat(values, starts, axis=1) for values in (inside, outside))
        return cls(inside, outside)


def roc_auc(ranking: Ranking) -> NDArray[np.float64]:
    """Return the area under the ROC curve for each weighting; ties count one half.

    NaN where the cases of the class, or all others, weigh nothing.
    """
    below = np.cumsum(ranking.outside, axis=1) - ranking.outside / 2
    won = np.einsum("ws,ws->w", below, ranking.inside)
    return ratio(won, ranking.inside.sum(axis=1) * ranking.outside.sum(axis=1))


def average_precision(ranking: Ranking) -> NDArray[np.float64]:
    """Return the area under the precision-recall curve, without interpolation, for each weighting.

    NaN where the cases of the class weigh nothing.
    """
    found = np.cumsum(ranking.inside[:, ::-1], axis=1)
    answered = np.cumsum((ranking.inside + ranking.outside)[:, ::-1], axis=1)
    precision = ratio(found, answered, otherwise=0.0)
    return ratio(np.einsum("ws,ws->w", precision, ranking.inside[:, ::-1]), ranking.inside.sum(axis=1))


def ratio(part: NDArray[np.float64], whole: NDArray[np.float64], *, otherwise: float = np.nan) -> NDArray[np.float64]:
    """Divide two arrays of one shape, with `otherwise` where the divisor is zero."""
    result = np.full(part.shape, otherwise)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
