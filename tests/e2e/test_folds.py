"""An ensemble of folds on beating hearts, from the training to the prediction."""

import csv
import json

import numpy as np
import pytest

from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.phantoms.cardiac import write_cardiac_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory, prepare_with, write_measured_recipe):
    """Two folds, an epoch each."""
    folder = tmp_path_factory.mktemp("folds")
    write_cardiac_study(folder / "data", n_cases=15, seed=1, size_voxels=(32, 32))
    write_measured_recipe(folder / "recipe.yaml")
    data = ("--data", folder / "data", "--output", folder / "run")
    prepare_with("train", folder / "recipe.yaml", *data, "--folds", 2)
    return folder


def _rows(path):
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_the_classifier_of_the_ensemble_is_fitted_to_measurements_out_of_fold(study):
    members = json.loads((study / "run/ensemble.json").read_text())["members"]
    rows = {row["case_id"]: row for row in _rows(study / "run/measurements.csv")}
    for member in members:
        own = {row["case_id"]: row for row in _rows(study / "run" / member["run"] / "measurements.csv")}
        assert {case_id for case_id, row in own.items() if row["part"] == "val"} == {*member["validation_cases"]}
        assert all(rows[case_id] == own[case_id] for case_id in member["validation_cases"])
        summary = json.loads((study / "run" / member["run"] / "training_summary.json").read_text())
        fitted = summary["measurement_classifiers"]["diagnosis"]
        assert (fitted["parts"], fitted["n_cases"]) == (["train"], len(own) - len(member["validation_cases"]))
    summary = json.loads((study / "run/training_summary.json").read_text())
    assert summary["measurement_classifiers"]["diagnosis"]["n_cases"] == len(rows) == 12
    classifier = MeasurementClassifier.load(study / "run/measurement_classifier_diagnosis.json")
    masses = [float(row["myocardial_mass (g)"] or np.nan) for row in rows.values()]
    position = classifier.measurements.index("myocardial_mass")
    assert classifier.medians[position] == pytest.approx(np.nanmedian(masses), nan_ok=True)


def test_an_ensemble_is_judged_out_of_fold_and_on_its_test_part(study, medweave):
    result = medweave("evaluate", study / "run")
    assert result.code == 0, result.stderr
    assert "out of fold, each case answered by the run that left it out: 12 cases" in " ".join(result.stdout.split())
    assert "test, answered by the mean of 2 runs: 3 cases" in " ".join(result.stdout.split())
    for part, count in (("folds", 12), ("test", 3)):
        summary = json.loads((study / "run/evaluation" / part / "summary.json").read_text())
        assert (summary["split"], summary["n_cases"]) == (part, count)
        assert summary["heads"]["diagnosis"]["n_cases"] == count
        assert (study / "run/evaluation" / part / "report.html").is_file()


def test_an_ensemble_predicts_as_one_model(study, medweave, tmp_path):
    result = medweave("predict", study / "run", study / "data", "--output", tmp_path / "new", "--no-overlay")
    assert result.code == 0, result.stderr
    rows = _rows(tmp_path / "new/predictions.csv")
    assert len(rows) == 15
    assert {row["status"] for row in rows} == {"done"}
