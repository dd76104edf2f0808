import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medweave.core.errors import DataError
from medweave.evaluation.class_comparison import COLUMNS
from medweave.evaluation.comparison import compare as compare_both

NO_ANSWERS = pd.DataFrame(columns=COLUMNS)

CASES = [f"case_{number:02}" for number in range(12)]


def _table(dice, *, cases=CASES, structures=("left", "right"), truth_ml=3.0):
    rows = [
        {
            "case_id": case_id,
            "subject_id": case_id,
            "head": "heart",
            "structure": structure,
            "dice": value,
            "hd95_mm": 10 * (1 - value),
            "nsd_2mm": 0.5,
            "truth_ml": truth_ml,
        }
        for structure in structures
        for case_id, value in zip(cases, dice, strict=True)
    ]
    return pd.DataFrame(rows)


def compare(tables, **options):
    """Compare runs that classify nothing."""
    return compare_both(tables, dict.fromkeys(tables, NO_ANSWERS), **options)


def _answers(wrong=(), *, cases=CASES):
    return pd.DataFrame(
        {
            "case_id": cases,
            "subject_id": cases,
            "head": "diagnosis",
            "true_class": "normal",
            "pred_class": ["viral" if case_id in wrong else "normal" for case_id in cases],
        }
    )


@pytest.fixture
def dice():
    return np.random.default_rng(0).uniform(0.6, 0.9, len(CASES))


def test_a_run_that_is_better_everywhere_is_named_better(dice):
    comparison = compare({"old": _table(dice), "new": _table(dice + 0.05)})
    rows = {(row.structure, row.metric): row for row in comparison.rows}
    assert len(rows) == 6
    left = rows["left", "dice"]
    assert left.difference == pytest.approx(0.05)
    assert left.p_value == pytest.approx(2 / 2**12)
    assert left.p_holm == pytest.approx(6 * left.p_value)
    assert left.better == rows["left", "hd95_mm"].better == "new"
    assert rows["left", "hd95_mm"].difference == pytest.approx(-0.5)
    assert (rows["left", "nsd_2mm"].better, rows["left", "nsd_2mm"].p_holm) == (None, 1.0)


def test_only_common_cases_are_compared_and_the_rest_is_counted(dice):
    shuffled = _table(dice[2:] + 0.1, cases=CASES[2:]).sample(frac=1, random_state=0)
    comparison = compare({"old": _table(dice), "new": shuffled}, metrics=["dice"])
    assert (comparison.n_common_cases, comparison.n_left_out) == (10, {"old": 2, "new": 0})
    assert [row.n_cases for row in comparison.rows] == [10, 10]
    assert [row.difference for row in comparison.rows] == pytest.approx([0.1, 0.1])
    assert comparison.rows[0].first_mean == pytest.approx(dice[2:].mean())


def test_p_value_equals_scipys(dice):
    other = np.random.default_rng(1).uniform(0.6, 0.95, len(CASES))
    (row,) = compare(
        {"a": _table(dice, structures=["left"]), "b": _table(other, structures=["left"])}, metrics=["dice"]
    ).rows
    assert row.p_value == row.p_holm == pytest.approx(stats.wilcoxon(other - dice).pvalue)


def test_three_runs_are_compared_in_three_pairs(dice):
    tables = {name: _table(dice + shift, structures=["left"]) for name, shift in [("a", 0), ("b", 0.01), ("c", 0.02)]}
    comparison = compare(tables, metrics=["dice"])
    assert [(row.first, row.second) for row in comparison.rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    json.dumps(comparison.to_json(), allow_nan=False)


def test_runs_without_a_common_case_are_refused(dice):
    with pytest.raises(DataError, match="no scored case in common: got old: 12 cases, new: 12 cases"):
        compare({"old": _table(dice), "new": _table(dice, cases=[f"x{case}" for case in CASES])})


def test_runs_judged_against_different_truths_are_refused(dice):
    with pytest.raises(DataError, match=r"'old' and 'new' were judged against different truths \(case case_00\)"):
        compare({"old": _table(dice), "new": _table(dice, truth_ml=3.5)})


def test_classes_are_compared_beside_structures(dice):
    tables = {"old": _table(dice, structures=["left"]), "new": _table(dice[:8], cases=CASES[:8], structures=["left"])}
    answers = {"old": _answers(CASES[:6]), "new": _answers(cases=CASES[:10])}
    comparison = compare_both(tables, answers, metrics=["dice"])
    assert (comparison.n_common_cases, comparison.n_left_out) == (10, {"old": 2, "new": 0})
    assert ([row.n_cases for row in comparison.rows], [row.n_cases for row in comparison.class_rows]) == ([8], [10])
    assert comparison.class_rows[0].difference == pytest.approx(0.6)
    json.dumps(comparison.to_json(), allow_nan=False)


def test_runs_that_segment_nothing_are_compared_by_their_classes_alone(dice):
    nothing = _table(dice).iloc[:0]
    comparison = compare_both({"a": nothing, "b": nothing}, {"a": _answers(), "b": _answers(CASES[:3])})
    assert (len(comparison.rows), len(comparison.class_rows), comparison.n_common_cases) == (0, 1, 12)


def test_no_run_is_named_where_many_cases_of_one_subject_outweigh_the_subjects():
    cases = [f"case_{number:02}" for number in range(50)]
    subjects = [*(f"subject_{number}" for number in range(20)), *["last"] * 30]
    old, new = np.full(50, 0.7), np.full(50, 0.7)
    old[:20] += np.linspace(0.01, 0.02, 20)
    new[20:] += 0.1
    tables = {name: _table(dice, cases=cases) for name, dice in (("old", old), ("new", new))}
    for table in tables.values():
        table["subject_id"] = subjects * 2
    row = compare(tables, metrics=["dice"]).rows[0]
    assert row.difference > 0
    assert row.p_holm < 0.01
    assert row.better is None
