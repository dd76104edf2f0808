"""Intervals and tests that know that two cases of one subject are not independent."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

#: An interval needs at least this share of the resamples to be defined.
MIN_DEFINED_SHARE = 0.1
#: Weights that are held at a time; small enough for the processor's cache.
MAX_CHUNK = 200_000

Name = TypeVar("Name", bound=Hashable)
#: From the weight of each case, (resamples, cases), to the values of each statistic, (resamples,), NaN where undefined.
Statistics = Callable[[NDArray[np.float64]], Mapping[Name, NDArray[np.float64]]]


@dataclass(frozen=True)
class Interval:
    """A mean, or another statistic of the cases, with its confidence interval.

    Attributes:
        mean: Over the cases; NaN where the statistic is undefined.
        low: Lower end; None where there are fewer than two subjects, of all or of a group that the statistic rests on,
            which show no spread, where all resamples have one mean, or where the statistic is undefined in nearly all.
        high: Upper end, or None.
        n: Cases.
        undefined_resamples: Resamples that the interval leaves out because the statistic is undefined in them.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    undefined_resamples: int = 0

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
        lead: Sum of the signed ranks of what is tested: above 0 where the subjects speak for larger values of the
            second.
    """

    difference: Interval
    p_value: float
    lead: float


def cluster_bootstrap(
    statistics: Statistics[Name],
    subjects: Sequence[str],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
    groups: Mapping[Name, Sequence[int]] | None = None,
) -> dict[Name, Interval]:
    """Return statistics of the cases with bootstrap intervals that resample whole subjects.

    The cluster bootstrap of Field and Welsh (2007, J. R. Stat. Soc. B 69:369) with Hesterberg's expanded percentile
    interval (2015, Am. Stat. 69:371): the percentiles are moved outwards as Student's t does, because the plain ones
    are too narrow for the few subjects of a typical test set.

    Args:
        statistics: Computes all of them at once from case weights; a resample weighs each case by the number of times
            that its subject was drawn.
        subjects: Subject of each case, at least one.
        n_resamples: Bootstrap samples.
        seed: Of the resampling.
        confidence: Of the intervals, below 1.
        groups: Subjects in each of the groups that a statistic compares or averages (`independent_units`), for those
            that do not rest on all subjects alike; where a group has a single subject, there is no interval.
    """
    names, member = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    estimates = statistics(np.ones((1, len(subjects))))
    if len(names) < 2:
        return {name: Interval(float(value[0]), None, None, n=len(subjects)) for name, value in estimates.items()}
    rng = np.random.default_rng(seed)
    chances = np.full(len(names), 1 / len(names))
    rows = max(MAX_CHUNK // len(subjects), 1)
    chunks = [
        statistics(rng.multinomial(len(names), chances, size=min(rows, n_resamples - start))[:, member].astype(float))
        for start in range(0, n_resamples, rows)
    ]
    intervals = {}
    for name, value in estimates.items():
        # Groups that share subjects are worth no more than all of these.
        units = min(independent_units((groups or {}).get(name, [len(names)])), len(names))
        tail = expanded_tail(units, confidence=confidence) if units > 1 else None
        resampled = np.concatenate([chunk[name] for chunk in chunks])
        intervals[name] = _percentile_interval(float(value[0]), resampled, tail, len(subjects))
    return intervals


def cluster_bootstrap_mean(
    values: Sequence[float] | NDArray[np.float64],
    subjects: Sequence[str],
    *,
    n_resamples: int = 2000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Return the mean over cases with the interval of `cluster_bootstrap`.

    Args:
        values: One for each case, at least one.
        subjects: Subject of each case.
        n_resamples: Bootstrap samples.
        seed: Of the resampling.
        confidence: Of the interval, below 1.
    """
    array = np.asarray(values, dtype=np.float64)
    found = cluster_bootstrap(
        lambda weights: {"mean": weights @ array / weights.sum(axis=1)},
        subjects,
        n_resamples=n_resamples,
        seed=seed,
        confidence=confidence,
    )
    mean = found["mean"]
    # A mean that is the same in every resample does not say how sure it is.
    return replace(mean, low=None, high=None) if mean.low == mean.high else mean


def independent_units(groups: Sequence[int]) -> float:
    """Return how many independent units a statistic of several groups is worth, the smallest counting most.

    One more than the degrees of freedom of Welch and Satterthwaite (Biometrics Bulletin 1946;2:110) with a variance of
    each group that goes with 1 / n. So an area under the ROC curve with 5 of 40 subjects positive is worth 6, and its
    interval covers 95 % where the percentiles for 40 units cover 90 % (measured; with 3 positives 89 % and 79 %).

    Args:
        groups: Subjects of each group.

    Returns:
        1 where a group has fewer than two subjects, of which nobody knows how much they vary.
    """
    counts = np.asarray(groups, dtype=np.float64)
    if counts.min() < 2:
        return 1.0
    return 1 + float((1 / counts).sum() ** 2 / (1 / (counts**2 * (counts - 1))).sum())


def expanded_tail(n: float, *, confidence: float) -> float:
    """Return the bootstrap percentile (0 to 0.5) that makes an interval of n independent units wide enough.

    Args:
        n: Independent units, more than 1.
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
    tested: Callable[[NDArray[np.float64]], NDArray[np.float64]] = np.asarray,
) -> PairedDifference:
    """Compare two methods on the same cases.

    The test is Wilcoxon's (1945) on one mean difference a subject, so that many cases of one subject count once.

    Args:
        first: Values of the first method, one for each case.
        second: Values of the second method on the same cases, in the same order.
        subjects: Subject of each case.
        seed: Of the interval's resampling.
        tested: Makes of the values what is tested; by default they are themselves.
    """
    before, after = (np.asarray(values, dtype=np.float64) for values in (first, second))
    interval = cluster_bootstrap_mean(after - before, subjects, seed=seed)
    sums, counts = _per_subject(tested(after) - tested(before), subjects)
    means = sums / counts
    # Wilcoxon's test is undefined when nothing differs, where the answer is plain.
    p_value = float(stats.wilcoxon(means).pvalue) if means.any() else 1.0
    ranks = stats.rankdata(np.abs(means))
    return PairedDifference(interval, p_value, lead=float(np.sign(means) @ ranks))


def leader(difference: float, lead: float, first: str, second: str) -> str | None:
    """Name the method with the larger values, or none where the mean over cases and the test over subjects disagree.

    Args:
        difference: Mean of second minus first over the cases.
        lead: Of the second in the test.
        first: Name of the first method.
        second: Name of the second method.
    """
    if difference * lead <= 0:
        return None
    return second if difference > 0 else first


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979), keeping their order."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def _percentile_interval(estimate: float, resampled: NDArray[np.float64], tail: float | None, n: int) -> Interval:
    defined = resampled[~np.isnan(resampled)]
    undefined = len(resampled) - len(defined)
    if tail is None or np.isnan(estimate) or len(defined) < MIN_DEFINED_SHARE * len(resampled):
        return Interval(estimate, None, None, n=n, undefined_resamples=undefined)
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Interval(estimate, float(low), float(high), n=n, undefined_resamples=undefined)


def _per_subject(
    values: NDArray[np.float64], subjects: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the values and the number of cases of each subject."""
    _, member = np.unique(np.asarray(subjects, dtype=str), return_inverse=True)
    return np.bincount(member, weights=values).astype(np.float64), np.bincount(member).astype(np.float64)
