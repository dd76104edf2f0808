from collections.abc import Mapping

from medweave.data.classes import class_counts, class_findings
from medweave.data.facts import CaseFacts
from medweave.data.finding import Finding


def case(case_id: str, subject_id: str, attributes: Mapping[str, str] | None = None, **targets: str) -> CaseFacts:
    return CaseFacts(case_id, subject_id, targets, {}, {}, (), attributes or {})


def findings(*cases: CaseFacts) -> dict[str, Finding]:
    return {finding.code: finding for finding in class_findings(cases)}


def test_cases_are_counted_by_target_and_class() -> None:
    targets = [{"grade": "low", "sex": "f"}, {"grade": "high"}, {}, {"grade": "high"}]
    assert class_counts(targets) == {"grade": {"high": 2, "low": 1}, "sex": {"f": 1}}


def test_case_of_several_classes_counts_in_each() -> None:
    assert class_counts([{"signs": "oedema|effusion"}, {"signs": "effusion"}, {"signs": "|"}]) == {
        "signs": {"effusion": 2, "none": 1, "oedema": 1}
    }


def test_class_of_fewer_than_3_subjects_is_small() -> None:
    cases = [case(f"{name}{n}", f"s{n}", grade=name) for name in ("low", "high") for n in range(3)]
    assert findings(*cases, case("rare1", "r1", grade="rare"), case("rare2", "r1", grade="rare"))[
        "small_class"
    ].message == ("class 'rare' of target 'grade' has 1 subject: too few for training, validation and test")
    assert "small_class" not in findings(*cases)


def test_subjects_of_several_classes_are_said() -> None:
    cases = [case(f"{name}{n}", f"{name}{n}", grade=name) for name in ("low", "high") for n in range(3)]
    assert findings(*cases) == {}
    twice = findings(*cases, case("again", "low1", grade="high"))["subject_of_several_classes"]
    assert (twice.severity, twice.case_ids) == ("warning", ("again", "low1"))
    assert "1 subject has cases of several classes of target 'grade', for instance low1 (high and low)" in twice.message


def test_shortcuts_are_one_finding_a_class() -> None:
    cases = [
        case(
            str(n),
            str(n),
            {"source": "web" if n % 2 else "clinic", "year": "2020" if n % 2 else "2010"},
            grade=str(n % 2),
        )
        for n in range(20)
    ]
    (first, second) = list(class_findings(cases))
    assert (first.code, first.severity, first.case_ids) == (
        "shortcut",
        "warning",
        tuple(str(n) for n in range(0, 20, 2)),
    )
    assert (
        "class '0' of target 'grade' is given away by source (of 100 % of its subjects; for instance clinic), year"
        in (first.message)
    )
    assert "class '1'" in second.message
