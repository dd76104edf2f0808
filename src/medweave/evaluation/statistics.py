"""Intervals and tests that know that two cases of one subject are not independent."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval.

    Attributes:
        mean: Over the cases.
        low: Lower end; None where there are fewer than two subjects, which show no spread.
        high: Upper end, or None.
        n: Cases.
    """

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def ci95(self) -> list[float | None]:
        """Both ends, as summary.json holds them."""
        return [self.low, self.high]


@dataclass(frozen=True)
class PairedDifference:
    """How two methods differ on the same cases.

    Attributes:
        difference: Mean of second minus first with its interval.
        p_value: Two-sided, of the Wilcoxon signed-rank test over subjects.
    """

    difference: Interval
    p_value: float


def cluster_bootstrap_mean(
    values: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[str],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Return the mean over cases with a bootstrap interval that resamples whole subjects.

    The cluster bootstrap of Field and Welsh (2007, J. R. Stat. Soc. B 69:369) with Hesterberg's expanded percentile
    interval (2015, Am. Stat. 69:371): the percentiles are moved outwards as Student's t does, because the plain ones
    are too narrow for the few subjects of a typical test set.

    Args:
        values: One for each case, at least one.
        subjects: Subject of each case.
        n_resamples: Bootstrap samples.
        seed: Of the resampling.
        confidence: Of the interval, below 1.
    """
    sums, counts = _per_subject(np.asarray(values, dtype=np.float64), subjects)
    mean = float(sums.sum() / counts.sum())
    n_subjects = len(sums)
    if n_subjects < 2:
        return Interval(mean, None, None, n=len(values))
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(n_subjects, np.full(n_subjects, 1 / n_subjects), size=n_resamples)
    tail = expanded_tail(n_subjects, confidence=confidence)
    low, high = np.quantile((draws @ sums) / (draws @ counts), [tail, 1 - tail])
    return Interval(mean, float(low), float(high), n=len(values))


def expanded_tail(n: int, *, confidence: float) -> float:
    """Return the bootstrap percentile (0 to 0.5) that makes an interval of n independent units wide enough.

    Args:
        n: Independent units, at least 2.
        confidence: Of the interval, below 1.
    """
    student = stats.t.ppf((1 - confidence) / 2, df=n - 1)
    return float(stats.norm.cdf(np.sqrt(n / (n - 1)) * student))


def paired_difference(
    first: Sequence[float] | NDArray[np.float64],
    second: Sequence[float] | NDArray[np.float64],
    *,
    subjects: Sequence[str],
    seed: int = 0,
) -> PairedDifference:
    """Compare two methods on the same cases.

    The test is Wilcoxon's (1945) on one mean difference a subject, so that many cases of one subject count once.

    Args:
        first: Values of the first method, one for each case.
        second: Values of the second method on the same cases, in the same order.
        subjects: Subject of each case.
        seed: Of the interval's resampling.
    """
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    interval = cluster_bootstrap_mean(differences, subjects, seed=seed)
    sums, counts = _per_subject(differences, subjects)
    means = sums / counts
    # Wilcoxon's test is undefined when nothing differs, where the answer is plain.
    p_value = float(stats.wilcoxon(means).pvalue) if means.any() else 1.0
    return PairedDifference(interval, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979), keeping their order."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def _per_subject(
    values: NDArray[np.float64], subjects: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the values and the number of cases of each subject."""
    _, member = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    return np.bincount(member, weights=values).astype(np.float64), np.bincount(member).astype(np.float64)
