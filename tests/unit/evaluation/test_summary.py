import numpy as np

from medweave.evaluation.agreement import MeasuredCase
from medweave.evaluation.classification import ClassifiedCase
from medweave.evaluation.evaluator import CaseScores, score_case
from medweave.evaluation.judging import Judgement
from medweave.evaluation.summary import summarise
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.measurements.measurement import Measurement
from medweave.preprocessing.geometry import Grid

GRID = Grid((4, 4), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
LABELS = np.eye(4, dtype=np.uint8)


def _judgement():
    """Two cases with a mask and two with a grade, one of which has both."""
    scores = score_case(LABELS, LABELS, structures={"lungs": 1}, grid=GRID)
    answer = {"low": 0.2, "high": 0.8}
    return Judgement(
        {"lungs": SegmentationHeadInfo({"lungs": 1}, "softmax", "front", "front")},
        {"grade": ClassificationHeadInfo(("low", "high"))},
        [CaseScores(case_id, subject, "lungs", scores) for case_id, subject in (("a", "s1"), ("b", "s1"))],
        [
            ClassifiedCase(case, subject, "grade", ("high",), answer, temperature=1.5)
            for case, subject in (("b", "s1"), ("c", "s2"))
        ],
    )


def test_cases_and_subjects_are_counted_once_over_all_heads():
    summary = summarise(_judgement(), split="test", n_part_cases=5)
    assert (summary["split"], summary["n_cases"], summary["n_subjects"]) == ("test", 3, 2)


def test_every_head_has_its_own_kind_and_counts():
    heads = summarise(_judgement(), split="test", n_part_cases=5)["heads"]
    assert {name: (head["kind"], head["n_cases"], head["n_without_truth"]) for name, head in heads.items()} == {
        "lungs": ("segmentation", 2, 3),
        "grade": ("classification", 2, 3),
    }
    assert heads["lungs"]["mean_dice"]["mean"] == 1
    assert heads["grade"]["accuracy"]["mean"] == 1
    assert heads["grade"]["temperature"] == 1.5


def test_measurements_are_compared_with_those_of_the_truth():
    found = _judgement()
    assert summarise(found, split="test", n_part_cases=5)["measurements"] == {}
    for number, value in enumerate((9.0, 12.0)):
        taken, true = Measurement("volume", value, "mL"), Measurement("volume", 10.0, "mL")
        found.measured.append(MeasuredCase(f"c{number}", f"s{number}", [taken], [true]))
    volume = summarise(found, split="test", n_part_cases=5)["measurements"]["volume"]
    assert (volume["n"], volume["bias"]["mean"], volume["absolute_error"]["mean"]) == (2, 0.5, 1.5)


def test_the_control_of_shortcuts_is_part_of_its_head():
    found = _judgement()
    assert "shortcut_control" not in summarise(found, split="test", n_part_cases=5)["heads"]["grade"]
    for control in ("whole_image", "region_alone", "region_removed"):
        found.controlled[control] = found.classified[:1]
    control = summarise(found, split="test", n_part_cases=5)["heads"]["grade"]["shortcut_control"]
    assert (control["n_cases"], control["n_without_region"]) == (1, 1)
