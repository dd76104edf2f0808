"""A diagnosis that measurements alone answer: the network segments by sliding window and knows no class."""

import csv
import json

import pytest

from medweave.phantoms.cardiac import write_cardiac_study


@pytest.fixture(scope="module")
def study(tmp_path_factory, prepare_with, write_measured_recipe):
    """A recipe without a network for the diagnosis, trained for an epoch on twelve beating hearts and evaluated."""
    folder = tmp_path_factory.mktemp("measured")
    write_cardiac_study(folder / "data", n_cases=12, seed=1, size_voxels=(32, 32))
    write_measured_recipe(folder / "recipe.yaml")
    prepare_with("train", folder / "recipe.yaml", "--data", folder / "data", "--output", folder / "run")
    prepare_with("evaluate", folder / "run")
    return folder


def test_training_measures_the_cases_and_fits_the_classifier(study):
    rows = list(csv.DictReader((study / "run/measurements.csv").read_text(encoding="utf-8").splitlines()))
    summary = json.loads((study / "run/training_summary.json").read_text())
    assert sum(summary["cases"].values()) == 12
    assert len(rows) == summary["cases"]["train"] + summary["cases"]["val"]
    assert {"lv_ejection_fraction (%)", "myocardial_mass_index (g/m²)", "diagnosis"} <= set(rows[0])
    assert summary["measurement_classifiers"]["diagnosis"]["n_cases"] == len(rows)
    classifier = json.loads((study / "run/measurement_classifier_diagnosis.json").read_text())
    assert classifier["method"] == "logistic_regression"


def test_the_evaluation_judges_the_diagnosis_and_the_measurements(study):
    summary = json.loads((study / "run/evaluation/test/summary.json").read_text())
    assert {name: head["kind"] for name, head in summary["heads"].items()} == {
        "heart_ed": "segmentation",
        "heart_es": "segmentation",
        "diagnosis": "classification",
    }
    assert summary["heads"]["diagnosis"]["n_cases"] == summary["n_cases"]
    volume = summary["measurements"]["lv_end_diastolic_volume"]
    assert volume["unit"] == "mL"
    assert volume["n"] + volume["n_unmeasured"] == summary["n_cases"]
    assert 50 < volume["true_mean"] < 400 if volume["n"] else volume["true_mean"] is None
    table = list(csv.DictReader((study / "run/evaluation/test/measurements.csv").read_text().splitlines()))
    assert {row["case_id"] for row in table if row["truth"]} == {row["case_id"] for row in table}
    assert "Limits of agreement" in (study / "run/evaluation/test/report.html").read_text(encoding="utf-8")


def test_a_prediction_tells_measurements_and_the_diagnosis(study, medweave, tmp_path):
    result = medweave("predict", study / "run", study / "data", "--output", tmp_path / "new", "--no-overlay")
    assert result.code == 0, result.stderr
    assert "LV ejection fraction" in result.stdout
    rows = list(csv.DictReader((tmp_path / "new/predictions.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == 12
    columns = [name for name in rows[0] if name.startswith("prob_")]
    assert len(columns) == 5
    for row in rows:
        assert sum(float(row[name]) for name in columns) == pytest.approx(1, abs=1e-4)
        assert row["pred_class"] == max(columns, key=lambda name: float(row[name])).removeprefix("prob_")
    assert "lv_ejection_fraction [%]" in rows[0]
