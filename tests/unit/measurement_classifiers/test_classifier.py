import math

import numpy as np
import pytest

from medweave.core.errors import DataError, RunError
from medweave.core.files import write_json
from medweave.measurement_classifiers.classifier import ForestScores, LinearScores, MeasurementClassifier, Tree

LINEAR = MeasurementClassifier(
    method="logistic_regression",
    classes=["HCM", "NOR"],
    measurements=["mass", "thickness"],
    medians=[110.0, 9.0],
    means=[100.0, 10.0],
    scales=[20.0, 2.0],
    shares=[0.25, 0.75],
    scores=LinearScores([[1.0, 0.5], [-1.0, 0.0]], [0.1, 0.2]),
)
TREE = Tree(
    measurement=[1, -2, 0, -2, -2],
    threshold=[0.5, -2.0, -1.0, -2.0, -2.0],
    left=[1, -1, 3, -1, -1],
    right=[2, -1, 4, -1, -1],
    probabilities=[[0.5, 0.5], [0.0, 1.0], [0.6, 0.4], [1.0, 0.0], [0.25, 0.75]],
)


def test_linear_scores_are_the_softmax_of_standardised_measurements():
    found = LINEAR.probabilities({"mass": 140.0, "thickness": 14.0})
    first, second = math.exp(2 * 1.0 + 2 * 0.5 + 0.1), math.exp(-2.0 + 0.2)
    assert found == pytest.approx({"HCM": first / (first + second), "NOR": second / (first + second)})


@pytest.mark.parametrize("measurements", [{"mass": 140.0}, {"mass": 140.0, "thickness": math.nan}])
def test_what_is_missing_counts_as_the_median(measurements):
    assert LINEAR.probabilities(measurements) == LINEAR.probabilities({"mass": 140.0, "thickness": 9.0})


@pytest.mark.parametrize("measurements", [{}, {"height": 1.0}, {"mass": math.nan, "thickness": math.nan}])
def test_a_case_without_any_measurement_has_the_shares_of_training(measurements):
    assert LINEAR.probabilities(measurements) == {"HCM": 0.25, "NOR": 0.75}


def test_what_it_was_not_fitted_to_is_ignored():
    known = {"mass": 140.0, "thickness": 14.0}
    assert LINEAR.probabilities({**known, "height": 3.0}) == LINEAR.probabilities(known)


@pytest.mark.parametrize(
    ("features", "expected"),
    [((5.0, 0.5), (0.0, 1.0)), ((-1.0, 0.6), (1.0, 0.0)), ((-0.9, 0.6), (0.25, 0.75))],
)
def test_a_tree_goes_left_up_to_its_threshold(features, expected):
    assert TREE(np.array([features], np.float32)).tolist() == [list(expected)]


def test_a_forest_is_the_mean_of_its_trees():
    stump = Tree([-2], [-2.0], [-1], [-1], [[0.5, 0.5]])
    assert ForestScores([TREE, stump])(np.array([[5.0, 0.5], [-1.0, 0.6]])).tolist() == [[0.25, 0.75], [0.75, 0.25]]


@pytest.mark.parametrize("scores", [LINEAR.scores, ForestScores([TREE])])
def test_a_saved_classifier_is_read_back_equal(tmp_path, scores):
    classifier = MeasurementClassifier(**{**vars(LINEAR), "scores": scores})
    classifier.save(tmp_path / "classifier.json")
    assert MeasurementClassifier.load(tmp_path / "classifier.json") == classifier


@pytest.mark.parametrize("content", [{"classes": ["a"]}, [], {**vars(LINEAR), "scores": {"weights": 1}}])
def test_a_file_without_classifier_is_refused(tmp_path, content):
    write_json(tmp_path / "classifier.json", content)
    with pytest.raises(RunError, match=r"not a classifier of measurements .*classifier.json.*Fix: restore the file"):
        MeasurementClassifier.load(tmp_path / "classifier.json")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"file not found .*classifier.json"):
        MeasurementClassifier.load(tmp_path / "classifier.json")
