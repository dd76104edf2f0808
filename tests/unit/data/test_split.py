from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medweave.core.errors import DataError
from medweave.core.files import write_json
from medweave.data.case import Case
from medweave.data.split import PARTS, Split, as_one_subject, draw_split, linked_through_all

SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}


def cases_of(subjects: list[str]) -> list[Case]:
    return [Case(f"case_{position:03}", subject, {}) for position, subject in enumerate(subjects)]


def graded_cases() -> list[Case]:
    """Return 5 classes of 12 subjects."""
    return [
        Case(f"{name}_{number}", f"{name}_{number}", {}, targets={"diagnosis": name})
        for name in ("DCM", "HCM", "MINF", "NOR", "RV")
        for number in range(12)
    ]


def subjects_of(split: Split, cases: list[Case]) -> list[set[str]]:
    subject = {case.case_id: case.subject_id for case in cases}
    return [{subject[case_id] for case_id in split.part(part)} for part in PARTS]


@st.composite
def studies(draw: st.DrawFn) -> tuple[list[Case], list[list[str]]]:
    subjects = draw(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, max_size=40))
    classes = draw(st.lists(st.sampled_from(["sick", "well"]), min_size=len(subjects), max_size=len(subjects)))
    cases = [
        Case(case.case_id, case.subject_id, {}, targets={"diagnosis": name})
        for case, name in zip(cases_of(subjects), classes, strict=True)
    ]
    linked = draw(st.lists(st.lists(st.sampled_from([case.case_id for case in cases]), max_size=4), max_size=4))
    return cases, linked


@settings(max_examples=150, deadline=None)
@given(study=studies(), seed=st.integers(0, 9), test_share=st.sampled_from([0.0, 0.1, 0.3]))
def test_no_subject_and_no_duplicate_is_on_two_sides(study, seed, test_share) -> None:
    cases, linked = study
    shares = {"train": 0.8 - test_share, "val": 0.2, "test": test_share}
    try:
        split = draw_split(cases, shares=shares, seed=seed, linked_cases=linked)
    except DataError as error:
        assert "too few subjects" in str(error)  # noqa: PT017 -- most studies can be split
        return
    assert sorted([*split.train, *split.val, *split.test]) == [case.case_id for case in cases]
    sides = subjects_of(split, cases)
    assert sum(len(side) for side in sides) == len({case.subject_id for case in cases})
    for group in linked:
        assert sum(bool(set(group) & set(split.part(part))) for part in PARTS) <= 1
    assert split.train
    assert split.val
    assert bool(split.test) == (test_share > 0)


def test_every_part_has_its_share_of_every_class() -> None:
    cases = graded_cases()
    split = draw_split(cases, shares=SHARES, seed=3)
    assert [len(split.part(part)) for part in PARTS] == [42, 9, 9]
    for part in PARTS:
        counts = Counter(case_id.split("_")[0] for case_id in split.part(part))
        assert len(counts) == 5
        assert all(abs(count - 12 * SHARES[part]) < 1 for count in counts.values())


def test_target_to_stratify_by_is_named() -> None:
    cases = [
        Case(
            f"{number:03}",
            f"{number:03}",
            {},
            targets={"sex": "fm"[number % 2], "grade": "low" if number < 40 else "high"},
        )
        for number in range(80)
    ]
    split = draw_split(cases, shares=SHARES, seed=3, stratify_by="grade")
    for part in PARTS:
        low = sum(int(case_id) < 40 for case_id in split.part(part))
        assert abs(low - len(split.part(part)) / 2) <= 0.5


def test_subject_of_several_classes_stays_together_and_the_classes_keep_their_shares() -> None:
    cases = [
        Case(f"{number:03}", f"s{number // 2}", {}, targets={"class": "ab"[number // 100]}) for number in range(200)
    ]
    cases += [
        Case(f"also_{number}", f"s{number}", {}, targets={"class": "ab"[number < 50]}) for number in range(0, 100, 10)
    ]
    split = draw_split(cases, shares=SHARES, seed=0, stratify_by="class")
    subjects = subjects_of(split, cases)
    assert [len(found) for found in subjects] == [70, 15, 15]
    assert not subjects[0] & subjects[1] | subjects[0] & subjects[2] | subjects[1] & subjects[2]
    for found in subjects:
        assert abs(sum(int(subject[1:]) < 50 for subject in found) - len(found) / 2) <= 1


@pytest.mark.parametrize("n_subjects", [4, 7, 10, 13, 20, 100, 260])
@pytest.mark.parametrize("shares", [(0.7, 0.15, 0.15), (0.6, 0.2, 0.2), (0.8, 0.2, 0.0)])
def test_parts_are_as_large_as_whole_subjects_allow(n_subjects, shares) -> None:
    table = dict(zip(PARTS, shares, strict=True))
    split = draw_split(cases_of([f"s{number}" for number in range(n_subjects)]), shares=table, seed=0)
    for part in PARTS:
        assert abs(len(split.part(part)) - n_subjects * table[part]) < 1


def test_smallest_study_has_one_subject_in_each_part() -> None:
    split = draw_split(cases_of(["a", "b", "c"]), shares=SHARES, seed=0)
    assert [len(split.part(part)) for part in PARTS] == [1, 1, 1]


def test_order_of_the_cases_does_not_matter() -> None:
    cases = graded_cases()
    shuffled = [cases[position] for position in np.random.default_rng(1).permutation(len(cases))]
    linked = [["DCM_1", "RV_2"], ["RV_2", "NOR_4"]]
    first = draw_split(cases, shares=SHARES, seed=5, linked_cases=linked)
    assert draw_split(shuffled, shares=SHARES, seed=5, linked_cases=linked[::-1]) == first


def test_seeds_draw_different_splits() -> None:
    cases = graded_cases()
    assert len({draw_split(cases, shares=SHARES, seed=seed) for seed in range(5)}) == 5


def test_chains_of_duplicates_and_subjects_stay_together() -> None:
    cases = cases_of(["a", "a", "b", "b", "c", "d", "e", "f"])
    linked = [["case_001", "case_002"], ["case_003", "case_004"], ["case_005", "not_in_the_study"]]
    for seed in range(20):
        split = draw_split(cases, shares=SHARES, seed=seed, linked_cases=linked)
        together = {"case_000", "case_001", "case_002", "case_003", "case_004"}
        assert [bool(together & set(split.part(part))) for part in PARTS].count(True) == 1


@pytest.mark.parametrize(
    ("subjects", "words"),
    [
        ([], "got 0 subjects"),
        (["a", "a", "a"], "got 1 subject with"),
        (["a", "b", "b"], r"got 2 subjects with labels; wanted at least 3 \(train, val, test\)"),
    ],
)
def test_too_few_subjects_are_refused(subjects, words) -> None:
    with pytest.raises(DataError, match=f"too few subjects to split: {words}.*Fix: add labelled cases"):
        draw_split(cases_of(subjects), shares=SHARES, seed=0)


def test_saved_split_comes_back(tmp_path: Path) -> None:
    split = Split(("a", "c"), ("b",), ())
    split.save(tmp_path / "split.json")
    assert Split.load(tmp_path / "split.json") == split


@pytest.mark.parametrize("content", [[], {"train": ["a"]}, {"train": 1, "val": [], "test": []}])
def test_file_that_is_no_split_is_refused(content, tmp_path: Path) -> None:
    write_json(tmp_path / "split.json", content)
    with pytest.raises(DataError, match=r"not a split of a data set \(.*split\.json\)"):
        Split.load(tmp_path / "split.json")


def test_case_on_two_sides_is_refused(tmp_path: Path) -> None:
    write_json(tmp_path / "split.json", {"train": ["a", "b"], "val": ["c"], "test": ["b", "c"]})
    with pytest.raises(DataError, match="holds a case more than once: got b, c"):
        Split.load(tmp_path / "split.json")


def test_copies_become_one_subject_and_others_keep_theirs() -> None:
    cases = [Case(f"c{number}", f"s{number}", images={}) for number in range(4)]
    joined = as_one_subject(cases[::-1], [["c1", "c3", "elsewhere"]])
    assert [(case.case_id, case.subject_id) for case in joined] == [
        ("c0", "s0"),
        ("c1", "s1"),
        ("c2", "s2"),
        ("c3", "s1"),
    ]


def test_copies_and_subjects_are_linked_also_through_cases_that_are_not_divided() -> None:
    cases = [
        *cases_of([f"s{number}" for number in range(20)]),
        Case("a", "s1", {}),
        Case("u", "s1", {}),
        Case("b", "x", {}),
    ]
    linked = linked_through_all(cases, [["u", "b"]])
    assert ["a", "b", "case_001", "u"] in linked
    labelled = [case for case in cases if case.case_id != "u"]
    for seed in range(20):
        split = draw_split(labelled, shares=SHARES, seed=seed, linked_cases=linked)
        sides = [{"a", "b"} & {*split.part(part)} for part in PARTS]
        assert sorted(map(len, sides)) == [0, 0, 2]
