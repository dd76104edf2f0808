import math

import numpy as np
import pytest

from medweave.core.errors import RunError
from medweave.inference.measuring import MeasuredAnswer, Measuring, build_measuring, load_classifiers
from medweave.inference.prediction import ClassificationHeadInfo, Prediction, SegmentationPrediction, classify
from medweave.measurement_classifiers.classifier import LinearScores, MeasurementClassifier
from medweave.measurements.volumes import Volumes
from medweave.preprocessing.geometry import Grid, to_image
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder

GRID = Grid((4, 5, 6), (1.0, 2.0, 5.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
STRUCTURES = {"heart": {"rv": 1, "lv": 3}}
#: Two tenths of a millilitre of the left ventricle are the limit between the two classes that it knows.
CLASSIFIER = MeasurementClassifier(
    method="logistic_regression",
    classes=["DCM", "NOR"],
    measurements=["heart_lv_volume"],
    medians=[0.5],
    means=[0.2],
    scales=[0.1],
    shares=[0.5, 0.5],
    scores=LinearScores([[1.0], [-1.0]], [0.0, 0.0]),
)


def _label_map(n_voxels):
    labels = np.zeros(GRID.size_voxels, np.uint8)
    labels.flat[:n_voxels] = 3
    return to_image(labels, GRID)


def _measuring(classes=("NOR", "MINF", "DCM")):
    answer = MeasuredAnswer("diagnosis", ClassificationHeadInfo(classes), CLASSIFIER)
    return Measuring(Volumes(), STRUCTURES, {"diagnosis_from_measurements": answer})


def _prediction(n_voxels):
    network = classify(ClassificationHeadInfo(("NOR", "DCM")), np.array([0.0, 1.0], np.float32))
    return Prediction("c1", {"heart": SegmentationPrediction(_label_map(n_voxels), {})}, {"diagnosis": network})


def test_label_maps_are_measured_on_their_own_grid():
    found = _measuring().measure({"heart": _label_map(30)}, {})
    assert {entry.name: entry.value for entry in found} == pytest.approx(
        {"heart_rv_volume": 0.0, "heart_lv_volume": 30 * 10 / 1000}
    )


def test_a_prediction_gets_its_measurements_and_what_they_say_of_the_classes():
    prediction = _measuring().complete(_prediction(30), {})
    assert prediction.measurements[1].value == pytest.approx(0.3)
    answer = prediction.classifications["diagnosis_from_measurements"]
    expected = 1 / (1 + math.exp(-2.0))
    assert answer.probabilities == pytest.approx({"NOR": 1 - expected, "MINF": 0.0, "DCM": expected}, abs=1e-6)
    assert answer.classes == ("DCM",)


def test_the_answer_of_the_network_stays():
    before = _prediction(30)
    assert _measuring().complete(before, {}).classifications["diagnosis"] is before.classifications["diagnosis"]


def test_a_case_without_label_map_has_no_measurement_and_the_shares_of_training():
    prediction = _measuring().complete(Prediction("c1", {}), {})
    assert prediction.measurements == ()
    probabilities = prediction.classifications["diagnosis_from_measurements"].probabilities
    assert probabilities == pytest.approx({"NOR": 0.5, "MINF": 0.0, "DCM": 0.5}, abs=1e-6)


def test_an_answer_beside_the_network_has_a_name_of_its_own():
    recipe = load_recipe("cardiac", ["measurements=volumes", "measurement_classifiers.diagnosis=best_of"])
    beside = build_measuring(recipe, network_classes=["diagnosis"], classifiers={"diagnosis": CLASSIFIER})
    alone = build_measuring(recipe, network_classes=[], classifiers={"diagnosis": CLASSIFIER})
    assert list(beside.answers) == ["diagnosis_from_measurements"]
    assert list(alone.answers) == ["diagnosis"]
    assert beside.answers["diagnosis_from_measurements"].info.classes == ("NOR", "MINF", "DCM", "HCM", "RV")
    assert beside.structures["heart_es"] == {"rv": 1, "myocardium": 2, "lv": 3}


def test_a_recipe_without_measurements_measures_nothing():
    assert build_measuring(load_recipe("heart"), network_classes=[], classifiers={}) is None


def test_the_classifiers_of_a_run_are_those_that_it_has_written(tmp_path):
    recipe = load_recipe("cardiac", ["measurements=volumes", "measurement_classifiers.diagnosis=best_of"])
    run = RunFolder(tmp_path)
    assert load_classifiers(recipe, run) == {}
    CLASSIFIER.save(run.measurement_classifier("diagnosis"))
    assert load_classifiers(recipe, run) == {"diagnosis": CLASSIFIER}


def test_a_damaged_classifier_is_refused(tmp_path):
    recipe = load_recipe("cardiac", ["measurements=volumes", "measurement_classifiers.diagnosis=best_of"])
    run = RunFolder(tmp_path)
    run.measurement_classifier("diagnosis").write_text("{}")
    with pytest.raises(RunError, match=r"not a classifier of measurements .*measurement_classifier_diagnosis\.json"):
        load_classifiers(recipe, run)
