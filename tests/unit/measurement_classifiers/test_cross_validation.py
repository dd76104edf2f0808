import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from medweave.core.errors import DataError
from medweave.measurement_classifiers.classifier import LinearScores, MeasurementClassifier
from medweave.measurement_classifiers.cross_validation import MeasuredCases, cross_validate
from medweave.measurement_classifiers.fitting import logistic_regression


class _Recorder:
    """Notes the cases that it is fitted to and gives each class its share among them."""

    def __init__(self):
        self.fitted = []

    def __call__(self, cases):
        self.fitted.append(cases)
        classes, counts = np.unique(cases.classes, return_counts=True)
        scores = LinearScores([[0.0] * len(cases.measurements)] * len(classes), np.log(counts).tolist())
        ones = [1.0] * len(cases.measurements)
        shares = (counts / counts.sum()).tolist()
        return MeasurementClassifier(
            "share", classes.tolist(), list(cases.measurements), ones, ones, ones, shares, scores
        )


def test_cases_become_a_table_of_every_measurement_met():
    cases = MeasuredCases.of([{"mass": 1.0}, {"mass": 2.0, "index": 3.0}], classes=["a", "b"], subject_ids=["p1", "p2"])
    assert cases.measurements == ("mass", "index")
    np.testing.assert_array_equal(cases.values, [[1.0, np.nan], [2.0, 3.0]])


def test_no_case_is_a_table_without_rows():
    assert MeasuredCases.of([], classes=[], subject_ids=[]).values.shape == (0, 0)


def test_out_of_fold_probabilities_are_those_of_scikit_learn(measured_cases):
    found = cross_validate(measured_cases, logistic_regression, seeds=(0, 4))
    pipeline = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=5000))
    for position, seed in enumerate((0, 4)):
        reference = cross_val_predict(
            pipeline,
            measured_cases.values,
            measured_cases.classes,
            groups=measured_cases.subject_ids,
            cv=StratifiedGroupKFold(5, shuffle=True, random_state=seed),
            method="predict_proba",
        )
        np.testing.assert_allclose(found[position], reference, atol=1e-9)


def test_no_subject_is_judged_by_a_classifier_that_saw_it(measured_cases):
    subjects = np.array([f"p{number // 2:02}" for number in range(36)])
    recorder = _Recorder()
    cross_validate(replace(measured_cases, subject_ids=subjects), recorder, seeds=(0,))
    assert len(recorder.fitted) == 5
    for fitted in recorder.fitted:
        held_out = set(subjects) - set(fitted.subject_ids)
        assert len(fitted.classes) + 2 * len(held_out) == 36


def test_folds_are_stratified(measured_cases):
    recorder = _Recorder()
    cross_validate(measured_cases, recorder, seeds=(0,))
    counts = [np.unique(fitted.classes, return_counts=True)[1] for fitted in recorder.fitted]
    assert all(count.min() >= 9 for count in counts)


def test_a_small_class_makes_fewer_folds(measured_cases):
    recorder = _Recorder()
    cross_validate(measured_cases.subset(np.r_[0:12, 12:15]), recorder, seeds=(0,))
    assert len(recorder.fitted) == 3


@pytest.mark.parametrize("chosen", [np.arange(12), np.arange(13)])
def test_too_few_subjects_are_refused(measured_cases, chosen):
    with pytest.raises(DataError, match=r"too few measured subjects to cross-validate: got . class"):
        cross_validate(measured_cases.subset(chosen), _Recorder())


def test_a_class_that_a_classifier_does_not_know_has_probability_zero(measured_cases):
    def of_two(cases):
        return _Recorder()(cases.subset(np.flatnonzero(cases.classes != "HCM")))

    found = cross_validate(measured_cases, of_two, seeds=(0,))[0]
    assert found[:, 1].tolist() == [0.0] * 36
    assert math.isclose(found[0].sum(), 1.0)


def test_without_a_case_no_class_has_a_subject():
    assert MeasuredCases.of([], classes=[], subject_ids=[]).fewest_subjects == 0
