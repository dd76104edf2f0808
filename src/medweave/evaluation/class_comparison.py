"""Comparing the classes that runs answered to the same cases."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from medweave.core.errors import DataError
from medweave.evaluation.labels import equal_classes
from medweave.evaluation.statistics import cluster_bootstrap_mean, holm, leader

KEYS = ["head", "case_id"]
COLUMNS = ("case_id", "subject_id", "head", "true_class", "pred_class")
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class ClassComparisonRow:
    """Two runs compared by the accuracy of one classification head.

    Attributes:
        head: Classification head.
        first: Name of the first run.
        second: Name of the second run.
        first_accuracy: Of the first run on the common cases.
        second_accuracy: Of the second run on the same cases.
        difference: Second minus first.
        ci95: Interval of the difference; None for its ends where there is one subject.
        only_first_right: Cases that the first run alone answers right.
        only_second_right: Cases that the second run alone answers right.
        p_value: Of McNemar's exact test.
        p_holm: The same, adjusted for all rows of the table.
        better: Run that is better, over the cases and by the test, where `p_holm` is below 0.05; else None.
        n_cases: Common cases.
    """

    head: str
    first: str
    second: str
    first_accuracy: float
    second_accuracy: float
    difference: float
    ci95: list[float | None]
    only_first_right: int
    only_second_right: int
    p_value: float
    p_holm: float
    better: str | None
    n_cases: int


def compare_classes(tables: Mapping[str, pd.DataFrame], *, seed: int = 0) -> list[ClassComparisonRow]:
    """Compare runs in pairs, by head, on the cases that all of them classified.

    Args:
        tables: COLUMNS of each run's answers, by the run's name, indexed and sorted by KEYS; all have the same rows.
        seed: Of the intervals' resampling.

    Raises:
        DataError: The runs were judged against different truths.
    """
    (reference, expected), *others = tables.items()
    for name, other in others:
        differs = ~equal_classes(other["true_class"], expected["true_class"])
        if differs.any():
            truths = [table.loc[differs, "true_class"].iloc[0] for table in (expected, other)]
            raise DataError(
                f"runs {reference!r} and {name!r} were judged against different truths",
                where=f"case {other.index[differs][0][-1]}",
                got=f"true classes {truths[0]!r} and {truths[1]!r}",
                fix="evaluate both on one data folder.",
            )
    rows = [
        _compare_two(head, first, second, {name: table.loc[[head]] for name, table in tables.items()}, seed=seed)
        for first, second in combinations(tables, 2)
        for head in dict.fromkeys(expected.index.get_level_values("head"))
    ]
    adjusted = holm([row.p_value for row in rows])
    return [
        replace(row, p_holm=p, better=row.better if p < SIGNIFICANCE else None)
        for row, p in zip(rows, adjusted, strict=True)
    ]


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_], *, subjects: NDArray[np.str_]) -> tuple[float, int]:
    """Return McNemar's (1947) exact test of two classifiers on the same cases.

    Each subject counts for the classifier that answers more of its cases right. With one case a subject that is
    McNemar's test; with several, it is the sign test, which does not take them for independent.

    Args:
        first: Whether the first classifier is right, (cases,).
        second: Whether the second one is.
        subjects: Subject of each case.

    Returns:
        The two-sided p value, and how many subjects more the second classifier wins than the first.
    """
    _, member = np.unique(subjects, return_inverse=True)
    gains = np.bincount(member, weights=second.astype(float) - first.astype(float))
    wins, losses = int((gains > 0).sum()), int((gains < 0).sum())
    p_value = float(stats.binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    return p_value, wins - losses


def _compare_two(
    head: str, first: str, second: str, tables: Mapping[str, pd.DataFrame], *, seed: int
) -> ClassComparisonRow:
    before, after = (equal_classes(tables[name]["true_class"], tables[name]["pred_class"]) for name in (first, second))
    subjects = tables[second]["subject_id"].to_numpy(dtype=str)
    difference = cluster_bootstrap_mean(after.astype(float) - before.astype(float), subjects.tolist(), seed=seed)
    p_value, lead = mcnemar(before, after, subjects=subjects)
    return ClassComparisonRow(
        head=head,
        first=first,
        second=second,
        first_accuracy=float(before.mean()),
        second_accuracy=float(after.mean()),
        difference=difference.mean,
        ci95=difference.ci95,
        only_first_right=int((before & ~after).sum()),
        only_second_right=int((after & ~before).sum()),
        p_value=p_value,
        p_holm=p_value,
        better=leader(difference.mean, lead, first, second),
        n_cases=len(before),
    )
