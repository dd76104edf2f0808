import numpy as np
import pytest
from sklearn import metrics as reference

from medweave.evaluation.class_metrics import CLASS_METRICS, Answers, class_metrics

CLASSES = ("normal", "bacterial", "viral")


@pytest.fixture
def exclusive():
    """Answers with ties for the first place, and weights of a bootstrap, some of them without a class."""
    rng = np.random.default_rng(0)
    truth = np.concatenate([rng.integers(0, 2, 28), [2, 2]])
    probabilities = np.round(rng.dirichlet(np.ones(3), 30) + np.eye(3)[truth] / 3, 1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    answers = Answers(CLASSES, multi_label=False, truth=np.arange(3) == truth[:, None], probabilities=probabilities)
    return answers, truth, rng.multinomial(30, np.full(30, 1 / 30), size=40).astype(float)


@pytest.fixture
def multi_label():
    rng = np.random.default_rng(1)
    truth = rng.random((25, 3)) < [0.5, 0.3, 0.15]
    probabilities = np.clip(rng.random((25, 3)) * 0.7 + 0.3 * truth, 0, 1)
    answers = Answers(CLASSES, multi_label=True, truth=truth, probabilities=probabilities)
    return answers, truth, rng.multinomial(25, np.full(25, 1 / 25), size=40).astype(float)


def _expected(truth, probabilities, weights):
    """Metrics of scikit-learn for one weighting in which every class occurs."""
    predicted = probabilities.argmax(axis=1)
    scores = {
        "precision": reference.precision_score,
        "recall": reference.recall_score,
        "f1": reference.f1_score,
    }
    options = {"sample_weight": weights, "labels": range(3), "zero_division": 0}
    found = {("accuracy", None): reference.accuracy_score(truth, predicted, sample_weight=weights)}
    found["balanced_accuracy", None] = reference.balanced_accuracy_score(truth, predicted, sample_weight=weights)
    found["weighted_f1", None] = reference.f1_score(truth, predicted, average="weighted", **options)
    for name, score in scores.items():
        found[f"macro_{name}", None] = score(truth, predicted, average="macro", **options)
        for label, value in zip(CLASSES, score(truth, predicted, average=None, **options), strict=True):
            found[name, label] = value
    one_vs_rest = np.eye(3, dtype=bool)[truth]
    for name, score in (("roc_auc", reference.roc_auc_score), ("pr_auc", reference.average_precision_score)):
        found[name, None] = score(one_vs_rest, probabilities, average="macro", sample_weight=weights)
        for label, positive, column in zip(CLASSES, one_vs_rest.T, probabilities.T, strict=True):
            found[name, label] = score(positive, column, sample_weight=weights)
    found["brier", None] = reference.brier_score_loss(
        truth, probabilities, labels=range(3), sample_weight=weights, scale_by_half=False
    )
    for label, position in zip(CLASSES, range(3), strict=True):
        found["specificity", label] = reference.recall_score(
            truth == position, predicted == position, pos_label=False, sample_weight=weights
        )
    return found


def test_every_metric_equals_scikit_learn_for_every_weighting(exclusive):
    answers, truth, weights = exclusive
    ours = class_metrics(weights, answers)
    judged = [row for row in range(len(weights)) if (weights[row] @ answers.truth > 0).all()]
    assert 20 < len(judged) < 40
    for row in judged:
        expected = _expected(truth, answers.probabilities, weights[row])
        assert {key: ours[key][row] for key in expected} == pytest.approx(expected)
        assert {*ours} - {*expected} == {("ece", None)}


def test_a_weighting_without_a_class_has_no_mean_over_classes(exclusive):
    answers, truth, weights = exclusive
    row = next(row for row in weights if row[truth == 2].sum() == 0)
    ours = {key: value[0] for key, value in class_metrics(row[None], answers).items()}
    undefined = {metric for (metric, name), value in ours.items() if name is None and np.isnan(value)}
    assert undefined == {"balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "roc_auc", "pr_auc"}
    assert all(np.isnan(ours[metric, "viral"]) for metric in CLASS_METRICS)
    assert not any(np.isnan(ours[metric, "normal"]) for metric in CLASS_METRICS)
    predicted = answers.probabilities.argmax(axis=1)
    assert ours["weighted_f1", None] == pytest.approx(
        reference.f1_score(truth, predicted, average="weighted", sample_weight=row)
    )


def test_multi_label_metrics_equal_scikit_learn_for_every_weighting(multi_label):
    answers, truth, weights = multi_label
    ours = class_metrics(weights, answers)
    predicted = answers.probabilities >= 0.5
    judged = [row for row in range(len(weights)) if (weights[row] @ truth > 0).all()]
    assert judged
    for row in judged:
        options = {"sample_weight": weights[row]}
        balanced = [
            reference.balanced_accuracy_score(truth[:, label], predicted[:, label], **options) for label in range(3)
        ]
        briers = [
            reference.brier_score_loss(truth[:, label], answers.probabilities[:, label], **options)
            for label in range(3)
        ]
        expected = {
            "accuracy": reference.accuracy_score(truth, predicted, **options),
            "balanced_accuracy": np.mean(balanced),
            "macro_f1": reference.f1_score(truth, predicted, average="macro", zero_division=0, **options),
            "weighted_f1": reference.f1_score(truth, predicted, average="weighted", zero_division=0, **options),
            "roc_auc": reference.roc_auc_score(truth, answers.probabilities, **options),
            "pr_auc": reference.average_precision_score(truth, answers.probabilities, **options),
            "brier": np.mean(briers),
        }
        assert {metric: ours[metric, None][row] for metric in expected} == pytest.approx(expected)


def test_a_class_that_is_never_answered_has_precision_zero_and_one_for_all_has_no_specificity():
    truth = np.array([[True, True], [True, False]])
    answers = Answers(("a", "b"), multi_label=True, truth=truth, probabilities=np.array([[0.9, 0.1], [0.8, 0.2]]))
    ours = {key: value[0] for key, value in class_metrics(np.ones((1, 2)), answers).items()}
    assert (ours["precision", "b"], ours["recall", "b"], ours["f1", "b"]) == (0, 0, 0)
    assert np.isnan(ours["specificity", "a"])
    assert np.isnan(ours["roc_auc", "a"])
    assert ours["pr_auc", "a"] == 1


def test_a_case_is_correct_only_with_all_its_classes_and_no_other():
    truth = np.array([[True, True], [True, False], [False, False]])
    probabilities = np.array([[0.5, 0.5], [0.9, 0.6], [0.4, 0.1]])
    answers = Answers(("a", "b"), multi_label=True, truth=truth, probabilities=probabilities)
    assert answers.correct.tolist() == [True, False, True]


def test_of_equally_probable_classes_the_first_is_answered():
    answers = Answers(("a", "b"), multi_label=False, truth=np.eye(2, dtype=bool), probabilities=np.full((2, 2), 0.5))
    assert answers.predicted.tolist() == [[True, False], [True, False]]
