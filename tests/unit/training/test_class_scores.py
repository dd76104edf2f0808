import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score

from medweave.training.class_scores import class_scores


def _answers(cases, classes, *, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(cases, classes)).astype(np.float32), rng.integers(classes, size=cases).tolist()


def test_scores_of_exclusive_classes_are_scikit_learn_s():
    logits, targets = _answers(60, 4)
    answered = logits.argmax(axis=1)
    assert class_scores(logits, targets) == pytest.approx(
        {
            "accuracy": accuracy_score(targets, answered),
            "balanced_accuracy": balanced_accuracy_score(targets, answered),
            "auc": roc_auc_score(targets, softmax(logits, axis=1), multi_class="ovr", average="macro"),
        },
        rel=1e-5,
    )


def test_two_classes_have_the_area_of_one_curve():
    logits, targets = _answers(40, 2)
    assert class_scores(logits, targets)["auc"] == pytest.approx(
        roc_auc_score(targets, softmax(logits, axis=1)[:, 1]), rel=1e-5
    )


def test_an_absent_class_is_in_no_mean_though_it_may_be_answered():
    logits, targets = _answers(40, 4)
    targets = [target % 3 for target in targets]
    scores = class_scores(logits, targets)
    answered = logits.argmax(axis=1)
    recalls = [np.mean(answered[np.equal(targets, name)] == name) for name in range(3)]
    areas = [roc_auc_score(np.equal(targets, name), softmax(logits, axis=1)[:, name]) for name in range(3)]
    assert scores["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert scores["auc"] == pytest.approx(np.mean(areas), rel=1e-5)
    assert 3 in answered


def test_one_class_alone_has_no_area():
    scores = class_scores(np.array([[1.0, 0.0], [0.0, 1.0]], np.float32), [0, 0])
    assert scores == {"accuracy": 0.5, "balanced_accuracy": 0.5}


def test_scores_of_several_labels_are_scikit_learn_s_over_the_labels():
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(50, 3)).astype(np.float32)
    truth = rng.integers(2, size=(50, 3))
    answered = expit(logits) > 0.5
    assert class_scores(logits, [tuple(map(float, row)) for row in truth]) == pytest.approx(
        {
            "accuracy": accuracy_score(truth, answered),
            "balanced_accuracy": np.mean([balanced_accuracy_score(truth[:, i], answered[:, i]) for i in range(3)]),
            "auc": roc_auc_score(truth, expit(logits), average="macro"),
        },
        rel=1e-5,
    )


def test_a_label_that_every_case_has_is_in_no_mean():
    logits = np.array([[1.0, -1.0], [1.0, 1.0]], np.float32)
    assert class_scores(logits, [(1.0, 0.0), (1.0, 1.0)]) == {"accuracy": 1.0, "balanced_accuracy": 1.0, "auc": 1.0}


def test_labels_that_never_vary_leave_the_accuracy():
    logits = np.array([[1.0, -1.0], [-1.0, -1.0]], np.float32)
    assert class_scores(logits, [(1.0, 0.0), (1.0, 0.0)]) == {"accuracy": 0.5, "balanced_accuracy": 0.5}
