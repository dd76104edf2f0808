from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.folds import draw_folds
from medweave.data.split import Split


def _split(cases: list[Case], *, test: int = 0) -> Split:
    names = [case.case_id for case in cases]
    kept = names[test:]
    return Split(train=tuple(kept[1:]), val=tuple(kept[:1]), test=tuple(names[:test]))


def _case(number: int, subject: str, name: str = "") -> Case:
    return Case(f"c{number:03}", subject, {}, targets={"diagnosis": name} if name else {})


@settings(max_examples=100, deadline=None)
@given(
    subjects=st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=40),
    linked=st.lists(st.lists(st.integers(0, 39), max_size=4), max_size=4),
    n_folds=st.integers(2, 5),
    seed=st.integers(0, 9),
)
def test_every_subject_is_left_out_once_and_copies_stay_together(subjects, linked, n_folds, seed):
    cases = [_case(number, subject) for number, subject in enumerate(subjects)]
    copies = [[f"c{number:03}" for number in group if number < len(cases)] for group in linked]
    try:
        folds = draw_folds(cases, _split(cases), n_folds=n_folds, seed=seed, linked_cases=copies)
    except DataError as error:
        assert "too few subjects for" in str(error)  # noqa: PT017 -- most studies can be divided
        return
    everyone = sorted(case.case_id for case in cases)
    assert sorted(case_id for fold in folds for case_id in fold.val) == everyone
    assert all(sorted([*fold.train, *fold.val]) == everyone for fold in folds)
    subject_of = {case.case_id: case.subject_id for case in cases}
    left_out = Counter(subject for fold in folds for subject in {subject_of[case_id] for case_id in fold.val})
    assert set(left_out.values()) == {1}
    for group in copies:
        assert sum(bool({*group} & {*fold.val}) for fold in folds) <= 1


def test_folds_of_equal_classes_are_balanced_to_the_case():
    cases = [_case(number, f"s{number}", "abc"[number % 3]) for number in range(30)]
    folds = draw_folds(cases, _split(cases), n_folds=5, seed=1)
    classes = {case.case_id: case.targets["diagnosis"] for case in cases}
    assert [Counter(classes[case_id] for case_id in fold.val) for fold in folds] == [Counter(a=2, b=2, c=2)] * 5


def test_a_class_of_as_many_subjects_as_folds_is_in_every_fold():
    cases = [_case(number, f"s{number}", "rare" if number < 4 else "common") for number in range(23)]
    folds = draw_folds(cases, _split(cases), n_folds=4, seed=5, stratify_by="diagnosis")
    rare = {case.case_id for case in cases[:4]}
    assert [len(rare & {*fold.val}) for fold in folds] == [1, 1, 1, 1]
    assert sorted(len(fold.val) for fold in folds) == [5, 6, 6, 6]


def test_the_test_part_is_in_no_fold():
    cases = [_case(number, f"s{number}") for number in range(10)]
    split = _split(cases, test=4)
    folds = draw_folds(cases, split, n_folds=3, seed=0)
    assert [fold.test for fold in folds] == [split.test] * 3
    assert not {*split.test} & {case_id for fold in folds for case_id in (*fold.train, *fold.val)}


def test_folds_follow_from_the_seed_and_not_from_the_order_of_the_cases():
    cases = [_case(number, f"s{number}", "ab"[number % 2]) for number in range(20)]
    first = draw_folds(cases, _split(cases), n_folds=4, seed=0)
    assert draw_folds(cases[::-1], _split(cases), n_folds=4, seed=0) == first
    assert draw_folds(cases, _split(cases), n_folds=4, seed=1) != first


def test_more_folds_than_subjects_are_refused():
    cases = [_case(number, f"s{number // 2}") for number in range(8)]
    with pytest.raises(DataError, match=r"too few subjects for 5 folds: got 4 for training and validation; wanted at"):
        draw_folds(cases, _split(cases), n_folds=5, seed=0)
