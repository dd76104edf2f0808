"""Cases whose measurements a stub of the Predictor gives, so that no network is needed."""

import csv
import logging
import math

import numpy as np
import pytest

from medweave.building.study import build_study_source
from medweave.core.errors import RunError
from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.measurements.measurement import Measurement
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.training.measurement import fit_measurement_classifiers, measure_cases, read_measured_cases

RECIPE = load_recipe("cardiac", ["measurements=volumes", "measurement_classifiers.diagnosis=logistic_regression"])
CENTRES = {"NOR": 60.0, "DCM": 20.0}


class _Predictor:
    """Measures an ejection fraction that tells the classes apart, and a mass that some cases lack."""

    source = build_study_source(RECIPE)

    def predict(self, case):
        number = int(case.case_id[1:])
        fraction = CENTRES.get(case.targets.get("diagnosis"), 40.0) + number % 5
        mass = math.nan if number == 3 else 100.0 + number
        return Prediction(
            case.case_id,
            {},
            measurements=(
                Measurement("fraction", fraction, "%"),
                Measurement("mass", mass, "g"),
                Measurement("ratio", 1 / 3, ""),
            ),
        )


def _cases(n, *, first=0, classes=("NOR", "DCM")):
    return [
        Case(f"c{number}", f"p{number // 2}", {}, targets={"diagnosis": classes[number // 2 % len(classes)]})
        for number in range(first, first + n)
    ]


@pytest.fixture
def run(tmp_path):
    return RunFolder(tmp_path)


def _fit(run, cases, recipe=RECIPE, linked_cases=()):
    predictor = _Predictor()
    measured = measure_cases(predictor, {"train": cases})
    return fit_measurement_classifiers(recipe, predictor, measured, run, linked_cases=linked_cases)


def test_every_case_of_every_part_is_measured():
    counted = []
    measured = measure_cases(
        _Predictor(), {"train": _cases(3), "val": _cases(2, first=3)}, on_case=lambda: counted.append(1)
    )
    assert [(entry.case.case_id, entry.part) for entry in measured] == [
        ("c0", "train"),
        ("c1", "train"),
        ("c2", "train"),
        ("c3", "val"),
        ("c4", "val"),
    ]
    assert measured[1].values == {"fraction": 61.0, "mass": 101.0, "ratio": 1 / 3}
    assert len(counted) == 5


def test_the_table_has_a_row_a_case_with_units_in_the_header(run):
    _fit(run, _cases(12))
    rows = list(csv.reader(run.measurements.read_text().splitlines()))
    assert rows[0] == ["case_id", "subject_id", "part", "diagnosis", "fraction (%)", "mass (g)", "ratio"]
    assert rows[2] == ["c1", "p0", "train", "NOR", "61", "101", "0.333333"]
    assert rows[4] == ["c3", "p1", "train", "DCM", "23", "", "0.333333"]
    assert len(rows) == 13


def test_the_classifier_is_fitted_to_the_cases_and_written(run):
    summary = _fit(run, _cases(24))["diagnosis"]
    classifier = MeasurementClassifier.load(run.measurement_classifier("diagnosis"))
    assert classifier.probabilities({"fraction": 62.0, "mass": 110.0})["NOR"] > 0.9
    assert classifier.medians[0] == np.median([_Predictor().predict(case).measurements[0].value for case in _cases(24)])
    assert (summary["method"], summary["n_cases"], summary["n_subjects"]) == ("logistic_regression", 24, 12)


def test_the_cross_validated_accuracy_has_the_interval_of_its_subjects(run):
    accuracy = _fit(run, _cases(24))["diagnosis"]["cross_validated_accuracy"]
    assert accuracy["mean"] == 1.0
    # Wilson's lower end for n of n right answers is n / (n + 1.96 squared).
    assert accuracy["ci95"] == pytest.approx([12 / (12 + 1.959964**2), 1.0])


def test_copies_of_a_case_count_as_one_subject(run):
    assert _fit(run, _cases(24), linked_cases=[["c0", "c4"], ["c3", "elsewhere"]])["diagnosis"]["n_subjects"] == 11


def test_cases_without_the_target_are_measured_but_not_fitted(run):
    unlabelled = [Case(f"c{number}", f"p{number}", {}) for number in range(100, 105)]
    summary = _fit(run, [*_cases(24), *unlabelled])["diagnosis"]
    assert summary["n_cases"] == 24
    assert "c104,p104,train,,44,204,0.333333" in run.measurements.read_text()


def test_too_few_subjects_are_fitted_and_not_cross_validated(run, caplog):
    with caplog.at_level(logging.WARNING, logger="medweave"):
        summary = _fit(run, _cases(4))["diagnosis"]
    assert summary["cross_validated_accuracy"] is None
    assert "diagnosis cannot be cross-validated by measurements: too few measured subjects" in caplog.text
    assert run.measurement_classifier("diagnosis").is_file()


def test_without_classifiers_there_is_the_table_alone(run):
    assert _fit(run, _cases(4), load_recipe("cardiac", ["measurements=volumes", "measurement_classifiers={}"])) == {}
    assert len(run.measurements.read_text().splitlines()) == 5


def test_classifiers_are_fitted_to_the_parts_that_are_asked_for(run):
    measured = measure_cases(_Predictor(), {"train": _cases(12), "val": _cases(12, first=12)})
    summary = fit_measurement_classifiers(RECIPE, _Predictor(), measured, run, parts=("train",))["diagnosis"]
    assert (summary["n_cases"], summary["parts"]) == (12, ["train"])
    classifier = MeasurementClassifier.load(run.measurement_classifier("diagnosis"))
    assert classifier.medians[0] == np.median([entry.values["fraction"] for entry in measured[:12]])
    assert len(run.measurements.read_text().splitlines()) == 25


def test_measured_cases_are_read_as_they_were_written(run):
    parts = {"train": _cases(4), "val": _cases(4, first=4)}
    measured = measure_cases(_Predictor(), parts)
    fit_measurement_classifiers(RECIPE, _Predictor(), measured, run)
    cases = {entry.case.case_id: entry.case for entry in measured}
    found = read_measured_cases(run.measurements, cases, part="train")
    assert [entry.case for entry in found] == parts["train"]
    for entry, wanted in zip(found, measured, strict=False):
        assert entry.values == pytest.approx(wanted.values, rel=1e-5, nan_ok=True)
        assert [taken.unit for taken in entry.measurements] == ["%", "g", ""]
    assert math.isnan(found[3].values["mass"])


def test_another_table_is_no_table_of_measured_cases(run):
    run.measurements.write_text("a,b\n1,2\n")
    with pytest.raises(RunError, match=r"no table of measured cases \(.*measurements\.csv\): got 'part'"):
        read_measured_cases(run.measurements, {}, part="val")
