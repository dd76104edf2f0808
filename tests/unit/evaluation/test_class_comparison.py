import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medweave.core.errors import DataError
from medweave.evaluation.class_comparison import KEYS, compare_classes, mcnemar

N_CASES = 20


def _table(right, *, subjects=None, head="grade", truth="low"):
    """Answers that are right where `right` says so."""
    cases = [f"case_{number:02}" for number in range(len(right))]
    table = pd.DataFrame(
        {
            "case_id": cases,
            "subject_id": subjects or cases,
            "head": head,
            "true_class": truth,
            "pred_class": [truth if hit else "other" for hit in right],
        }
    )
    return table.set_index(KEYS).sort_index()


def _right(*wrong):
    return [number not in wrong for number in range(N_CASES)]


def test_the_better_run_is_named_and_the_disagreements_are_counted():
    (row,) = compare_classes({"old": _table(_right(*range(10))), "new": _table(_right(9))})
    assert (row.first_accuracy, row.second_accuracy) == (0.5, 0.95)
    assert row.difference == pytest.approx(0.45)
    assert row.ci95[0] > 0
    assert (row.only_first_right, row.only_second_right, row.n_cases) == (0, 9, 20)
    assert row.p_value == row.p_holm == pytest.approx(2 / 2**9)
    assert row.better == "new"


def test_p_values_are_adjusted_for_all_pairs_and_heads():
    tables = {
        name: pd.concat([_table(_right(*wrong)), _table(_right(*wrong), head="stage")]).sort_index()
        for name, wrong in {"a": range(9), "b": (), "c": ()}.items()
    }
    rows = compare_classes(tables)
    assert [(row.first, row.second, row.head) for row in rows] == [
        (first, second, head) for first, second in ("ab", "ac", "bc") for head in ("grade", "stage")
    ]
    assert rows[0].p_holm == pytest.approx(6 * rows[0].p_value)
    assert (rows[-1].p_holm, rows[-1].better) == (1, None)


@pytest.mark.parametrize(("gained", "lost"), [(8, 1), (3, 3), (0, 5), (0, 0)])
def test_the_test_is_mcnemars_exact_one_where_every_case_is_a_subject(gained, lost):
    first = np.array([True] * lost + [False] * gained + [True] * 5)
    second = np.array([False] * lost + [True] * gained + [True] * 5)
    # twice the binomial tail of the smaller of the two disagreements
    expected = min(1.0, 2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5))
    p_value, lead = mcnemar(first, second, subjects=np.arange(len(first)).astype(str))
    assert (p_value, lead) == (pytest.approx(expected), gained - lost)


def test_many_images_of_a_subject_count_once():
    first, second = np.zeros(30, dtype=bool), np.ones(30, dtype=bool)
    subjects = np.repeat(list("abc"), 10)
    assert mcnemar(first, second, subjects=subjects) == (pytest.approx(2 / 2**3), 3)
    row = compare_classes({"x": _table(first, subjects=list(subjects)), "y": _table(second, subjects=list(subjects))})[
        0
    ]
    assert (row.p_value, row.better, row.only_second_right) == (pytest.approx(2 / 2**3), None, 30)


def test_runs_judged_against_different_truths_are_refused():
    tables = {"old": _table(_right()), "new": _table(_right(), truth="high")}
    with pytest.raises(DataError, match=r"different truths \(case case_00\): got true classes 'low' and 'high'"):
        compare_classes(tables)


def test_nothing_in_common_is_an_empty_comparison():
    empty = _table([]).astype(str)
    assert compare_classes({"a": empty, "b": empty}) == []


def test_the_order_of_several_labels_is_no_matter():
    first, second = _table(_right()), _table(_right())
    first["true_class"], second["true_class"] = "b|a", "a|b"
    first["pred_class"] = second["pred_class"] = "a|b"
    (row,) = compare_classes({"old": first, "new": second})
    assert (row.first_accuracy, row.second_accuracy) == (1, 1)


def test_no_run_is_named_where_many_cases_of_one_subject_outweigh_the_subjects():
    subjects = [*"abcdefgh", *["i"] * 20]
    first, second = [True] * 8 + [False] * 20, [False] * 8 + [True] * 20
    (row,) = compare_classes({"one": _table(first, subjects=subjects), "two": _table(second, subjects=subjects)})
    assert row.difference > 0
    assert (row.p_holm, row.better) == (pytest.approx(20 / 2**9), None)
