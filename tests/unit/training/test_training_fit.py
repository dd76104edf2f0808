import json

import pytest
import SimpleITK as sitk

from medweave.training.study_case import StudyCase
from medweave.training.training_fit import fit_lines, fitted_cases
from medweave.workflows import predict


def _summary(fitted, validated):
    scores = {} if fitted is None else {"score": fitted}
    values = {} if validated is None else {"val/score": validated}
    return {"fitted_cases": {"cases": 2, "scores": scores}, "at_best_epoch": values}


def test_the_scores_of_training_cases_are_those_of_their_predictions(finished_run, heart_study, tmp_path):
    summary = json.loads(finished_run.training_summary.read_text())
    first, _, last = json.loads(finished_run.split.read_text())["train"]
    assert summary["fitted_cases"]["cases"] == summary["cases"]["val"] == 2
    images = [next((heart_study / "imagesTr").glob(f"{case_id}.nii*")) for case_id in (first, last)]
    predict.run(finished_run.path, images, output=tmp_path / "predicted")
    overlap, dice = sitk.LabelOverlapMeasuresImageFilter(), []
    for case_id in (first, last):
        predicted = sitk.ReadImage(tmp_path / f"predicted/{case_id}_heart.nii.gz", sitk.sitkUInt8)
        truth = next((heart_study / "labelsTr").glob(f"{case_id}.nii*"))
        overlap.Execute(predicted, sitk.ReadImage(truth, sitk.sitkUInt8))
        dice.append(overlap.GetDiceCoefficient(1))
    scores = summary["fitted_cases"]["scores"]
    assert scores["dice_heart_left_atrium"] == pytest.approx(sum(dice) / 2, abs=1e-6)
    assert scores["score"] == scores["dice"] == scores["dice_heart_left_atrium"]


def test_as_many_training_cases_are_scored_as_there_are_for_validation():
    cases = [StudyCase(None, number) for number in range(10)]
    assert [case.prepared for case in fitted_cases(cases, validation=4)] == [0, 3, 6, 9]
    assert [case.prepared for case in fitted_cases(cases, validation=1)] == [0]
    assert fitted_cases(cases, validation=20) == cases


@pytest.mark.parametrize(
    ("fitted", "validated", "meaning"),
    [
        (0.90, 0.86, ""),
        (0.90, 0.91, "it underfits"),
        (0.95, 0.94, ""),
        (0.99, 0.80, "it overfits"),
    ],
)
def test_the_gap_tells_what_may_help(fitted, validated, meaning):
    (line,) = fit_lines(_summary(fitted, validated))
    start = f"score {validated:.4f} on validation cases, {fitted:.4f} on training cases"
    assert line.startswith(f"{start}: {meaning};" if meaning else start)
    assert meaning or line == start


def test_without_scores_of_the_same_heads_nothing_is_told():
    assert fit_lines(_summary(None, 0.9)) == fit_lines(_summary(0.9, None)) == fit_lines(_summary(None, None)) == []
    other = _summary(0.9, 0.9)
    other["fitted_cases"]["scores"]["accuracy_side"] = 0.9
    assert fit_lines(other) == []
