"""Comparing runs on the cases that all of them scored."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from medweave.core.errors import DataError
from medweave.evaluation.class_comparison import KEYS as CLASS_KEYS
from medweave.evaluation.class_comparison import SIGNIFICANCE, ClassComparisonRow, compare_classes
from medweave.evaluation.statistics import holm, leader, paired_difference
from medweave.metrics.mask_metric import METRICS

KEYS = ["head", "structure", "case_id"]
COMPARED_METRICS = ("dice", "hd95_mm", "nsd_2mm")


@dataclass(frozen=True)
class ComparisonRow:
    """Two runs compared by one metric on one structure.

    Attributes:
        head: Segmentation head.
        structure: Structure.
        metric: Metric.
        first: Name of the first run.
        second: Name of the second run.
        first_mean: Mean of the first run over the common cases.
        second_mean: Mean of the second run over the same cases.
        difference: Mean of second minus first.
        ci95: Interval of the difference; None for its ends where there is one subject.
        p_value: Of the Wilcoxon signed-rank test over subjects.
        p_holm: The same, adjusted for all rows of the table.
        better: Run that is better, over the cases and by the test, where `p_holm` is below 0.05; else None.
        n_cases: Common cases of this structure.
    """

    head: str
    structure: str
    metric: str
    first: str
    second: str
    first_mean: float
    second_mean: float
    difference: float
    ci95: list[float | None]
    p_value: float
    p_holm: float
    better: str | None
    n_cases: int


@dataclass(frozen=True)
class Comparison:
    """Runs compared in pairs.

    Attributes:
        n_common_cases: Cases that every run scored or classified.
        n_left_out: Cases of each run that another one did not.
        rows: One for each pair, segmentation head, structure and metric.
        class_rows: One for each pair and classification head.
    """

    n_common_cases: int
    n_left_out: Mapping[str, int]
    rows: Sequence[ComparisonRow] = ()
    class_rows: Sequence[ClassComparisonRow] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values."""
        return asdict(self)


def compare(
    scores: Mapping[str, pd.DataFrame],
    answers: Mapping[str, pd.DataFrame],
    *,
    metrics: Sequence[str] = COMPARED_METRICS,
    seed: int = 0,
) -> Comparison:
    """Compare runs in pairs, by structure and metric and by classes, on the cases that all of them judged.

    Args:
        scores: per_case.csv of each run, by the run's name; at least two. Without rows for a run that segments nothing.
        answers: COLUMNS of `class_comparison` of each run, of all classification heads; without rows for none.
        metrics: Metrics to compare; few, because Holm's adjustment grows with the number of tests.
        seed: Of the intervals' resampling.

    Raises:
        DataError: No case is common, or the runs were judged against different truths.
    """
    common_scores, common_answers = _common(scores, KEYS), _common(answers, CLASS_KEYS)
    shared = {
        case_id for tables in (common_scores, common_answers) for case_id in _case_ids(next(iter(tables.values())))
    }
    judged = {name: _case_ids(scores[name]) | _case_ids(answers[name]) for name in scores}
    if not shared:
        raise DataError(
            "the runs have no scored case in common",
            got=", ".join(f"{name}: {len(case_ids)} cases" for name, case_ids in judged.items()),
            fix="evaluate them on the same data: medweave evaluate RUN --data DATA.",
        )
    return Comparison(
        n_common_cases=len(shared),
        n_left_out={name: len(case_ids - shared) for name, case_ids in judged.items()},
        rows=_compare_scores(common_scores, metrics, seed),
        class_rows=compare_classes(common_answers, seed=seed),
    )


def _common(tables: Mapping[str, pd.DataFrame], keys: list[str]) -> dict[str, pd.DataFrame]:
    """Return the rows that all tables have, in one order."""
    indexed = {name: table.set_index(keys).sort_index() for name, table in tables.items()}
    shared = sorted(set.intersection(*(set(table.index) for table in indexed.values())))
    return {name: table.loc[shared] for name, table in indexed.items()}


def _case_ids(table: pd.DataFrame) -> set[str]:
    return {str(case_id) for case_id in table.reset_index()["case_id"]}


def _compare_scores(common: Mapping[str, pd.DataFrame], metrics: Sequence[str], seed: int) -> list[ComparisonRow]:
    if next(iter(common.values())).empty:
        return []
    _require_one_truth(common)
    rows = [
        row for first, second in combinations(common, 2) for row in _compare_two(common, first, second, metrics, seed)
    ]
    adjusted = holm([row["p_value"] for row in rows])
    return [
        ComparisonRow(**row | {"p_holm": p_holm, "better": row["better"] if p_holm < SIGNIFICANCE else None})
        for row, p_holm in zip(rows, adjusted, strict=True)
    ]


def _require_one_truth(tables: Mapping[str, pd.DataFrame]) -> None:
    (reference, expected), *others = tables.items()
    for name, other in others:
        differs = ~np.isclose(other["truth_ml"], expected["truth_ml"], rtol=1e-6)
        if differs.any():
            volumes_ml = [table.loc[differs, "truth_ml"].iloc[0] for table in (expected, other)]
            raise DataError(
                f"runs {reference!r} and {name!r} were judged against different truths",
                where=f"case {other.index[differs][0][-1]}",
                got=f"true volumes {volumes_ml[0]:g} and {volumes_ml[1]:g} mL (of 2D images cm²)",
                fix="evaluate both on one data folder.",
            )


def _compare_two(
    tables: Mapping[str, pd.DataFrame], first: str, second: str, metrics: Sequence[str], seed: int
) -> list[dict[str, Any]]:
    rows = []
    groups = tables[second].groupby(level=["head", "structure"], sort=False)
    for (head, structure), theirs in groups:
        ours = tables[first].loc[theirs.index]
        subjects = ours["subject_id"].astype(str).tolist()
        for metric in metrics:
            before, after = (table[metric].to_numpy(dtype=np.float64) for table in (ours, theirs))
            badness = METRICS.get(metric).badness
            result = paired_difference(before, after, subjects=subjects, seed=seed, tested=badness)
            worsening = float(np.mean(badness(after) - badness(before)))
            rows.append(
                {
                    "head": head,
                    "structure": structure,
                    "metric": metric,
                    "first": first,
                    "second": second,
                    "first_mean": float(before.mean()),
                    "second_mean": float(after.mean()),
                    "difference": result.difference.mean,
                    "ci95": result.difference.ci95,
                    "p_value": result.p_value,
                    "better": leader(worsening, result.lead, second, first),
                    "n_cases": len(before),
                }
            )
    return rows
