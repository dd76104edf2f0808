from dataclasses import replace

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medweave.core.errors import DataError
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.measurement_classifiers.fitting import (
    MEASUREMENT_CLASSIFIERS,
    best_of,
    log_loss,
    logistic_regression,
)

ESTIMATORS = {
    "logistic_regression": LogisticRegression(max_iter=5000),
    "linear_discriminant": LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    "random_forest": RandomForestClassifier(100, random_state=0),
    "extra_trees": ExtraTreesClassifier(100, random_state=0),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_read_back_predicts_as_scikit_learn_does(measured_cases, tmp_path, name, n_classes):
    cases = measured_cases.subset(np.arange(12 * n_classes))
    MEASUREMENT_CLASSIFIERS.get(name)(cases).save(tmp_path / "classifier.json")
    classifier = MeasurementClassifier.load(tmp_path / "classifier.json")
    reference = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), ESTIMATORS[name])
    reference.fit(cases.values, cases.classes)
    values = np.random.default_rng(0).normal(size=(200, 3)) * (30, 50, 2) + (50, 140, 0)
    values[::9, 0] = np.nan
    np.testing.assert_allclose(classifier.apply(values), reference.predict_proba(values), atol=1e-6)
    assert classifier.classes == reference.classes_.tolist()
    assert classifier.method == name
    assert classifier.shares == pytest.approx([1 / n_classes] * n_classes)


def test_a_stronger_penalty_gives_smaller_coefficients(measured_cases):
    weak, strong = (logistic_regression(measured_cases, inverse_penalty=value) for value in (1.0, 0.01))
    assert np.abs(strong.scores.coefficients).max() < np.abs(weak.scores.coefficients).max() / 2


def test_a_measurement_that_no_case_has_changes_nothing(measured_cases):
    empty = replace(
        measured_cases,
        measurements=(*measured_cases.measurements, "index"),
        values=np.column_stack([measured_cases.values, np.full(36, np.nan)]),
    )
    one = dict(zip(measured_cases.measurements, (30.0, 120.0, 0.0), strict=True))
    expected = logistic_regression(measured_cases).probabilities(one)
    assert logistic_regression(empty).probabilities({**one, "index": 7.0}) == pytest.approx(expected)


def test_the_best_candidate_by_cross_validation_is_taken(measured_cases):
    # The classes lie in rings about one centre: no linear method tells them apart.
    generator = np.random.default_rng(1)
    angle, radius = generator.uniform(0, 2 * np.pi, 36), np.repeat([1.0, 5.0, 9.0], 12)
    rings = replace(measured_cases, values=np.column_stack([radius * np.cos(angle), radius * np.sin(angle), angle]))
    assert best_of(rings).method == "extra_trees"
    assert best_of(measured_cases, candidates=("logistic_regression", "random_forest")).method == "logistic_regression"


def test_the_only_candidate_is_taken_untried(measured_cases):
    assert best_of(measured_cases, candidates=("random_forest",)).method == "random_forest"


def test_with_too_few_subjects_the_first_candidate_is_taken(measured_cases):
    few = measured_cases.subset(np.r_[0:5, 12, 24:28])
    assert best_of(few, candidates=("extra_trees", "logistic_regression")).method == "extra_trees"


def test_one_class_is_refused(measured_cases):
    with pytest.raises(DataError, match="one class alone leaves nothing to tell apart: got DCM"):
        logistic_regression(measured_cases.subset(np.arange(12)))


def test_log_loss_is_that_of_scikit_learn(measured_cases):
    probabilities = np.random.default_rng(0).dirichlet([1, 1, 1], 36).clip(0.002)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    expected = sklearn_log_loss(measured_cases.classes, probabilities)
    assert log_loss(measured_cases, probabilities) == pytest.approx(expected)


def test_one_sure_error_costs_a_bounded_loss(measured_cases):
    probabilities = np.tile([0.0, 1.0, 0.0], (36, 1))
    assert log_loss(measured_cases, probabilities) == pytest.approx(-np.log(1e-3) * 24 / 36)
