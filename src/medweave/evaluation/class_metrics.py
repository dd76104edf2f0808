"""The numbers that judge a classifier, for many weightings of the cases at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medweave.evaluation.calibration import expected_calibration_error
from medweave.evaluation.ranking import Ranking, average_precision, ratio, roc_auc

#: Metrics of one class against all others.
CLASS_METRICS = ("precision", "recall", "specificity", "f1", "roc_auc", "pr_auc")
#: A multi-label class is answered from this probability on.
THRESHOLD = 0.5
#: A metric and the class that it judges, or None for all classes together.
Key = tuple[str, str | None]


@dataclass(frozen=True)
class Answers:
    """What a classifier answered, and the truth.

    Attributes:
        classes: Names, in the order of the columns.
        multi_label: Whether a case may have several classes, or none.
        truth: Whether each case is of each class, (cases, classes).
        probabilities: (cases, classes).
    """

    classes: tuple[str, ...]
    multi_label: bool
    truth: NDArray[np.bool_]
    probabilities: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.bool_]:
        """Whether each class is answered for each case, (cases, classes); the first of equally probable ones."""
        if self.multi_label:
            return np.asarray(self.probabilities >= THRESHOLD)
        return np.asarray(np.arange(len(self.classes)) == self.probabilities.argmax(axis=1)[:, None])

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether each case is answered right, with all its classes and no other, (cases,)."""
        return np.asarray((self.truth == self.predicted).all(axis=1))


def class_metrics(weights: NDArray[np.float64], answers: Answers) -> dict[Key, NDArray[np.float64]]:
    """Return every metric of a classifier for each weighting of its cases.

    A class that no case has is judged by nothing: its metrics, and the means over the classes, are NaN; only the
    weighted F1, in which it weighs nothing, is not. A class that is never answered has a precision of 0.

    Args:
        weights: Of each case, (weightings, cases).
        answers: Of the cases.

    Returns:
        (weightings,) by metric and class.
    """
    by_class = _one_against_others(weights, answers)
    total = weights.sum(axis=1)
    support = weights @ answers.truth
    recalls = by_class["recall"]
    balanced = (recalls + by_class["specificity"]) / 2 if answers.multi_label else recalls
    weighted_f1 = np.where(support > 0, support * by_class["f1"], 0).sum(axis=1)
    overall = {
        "accuracy": weights @ answers.correct / total,
        "balanced_accuracy": balanced.mean(axis=1),
        "macro_precision": by_class["precision"].mean(axis=1),
        "macro_recall": recalls.mean(axis=1),
        "macro_f1": by_class["f1"].mean(axis=1),
        "weighted_f1": ratio(weighted_f1, support.sum(axis=1)),
        "roc_auc": by_class["roc_auc"].mean(axis=1),
        "pr_auc": by_class["pr_auc"].mean(axis=1),
        "ece": expected_calibration_error(
            weights, answers.probabilities, answers.truth, multi_label=answers.multi_label
        ),
        "brier": weights @ _squared_errors(answers) / total,
    }
    return {(metric, None): values for metric, values in overall.items()} | {
        (metric, name): values[:, position]
        for metric, values in by_class.items()
        for position, name in enumerate(answers.classes)
    }


def _one_against_others(weights: NDArray[np.float64], answers: Answers) -> dict[str, NDArray[np.float64]]:
    """Return each of CLASS_METRICS as (weightings, classes)."""
    truth, predicted = answers.truth, answers.predicted
    hits = weights @ (truth & predicted)
    answered = weights @ predicted
    support = weights @ truth
    others = weights.sum(axis=1)[:, None] - support
    rankings = [
        Ranking.of(weights, positive, scores) for positive, scores in zip(truth.T, answers.probabilities.T, strict=True)
    ]
    found = {
        "precision": ratio(hits, answered, otherwise=0.0),
        "recall": ratio(hits, support),
        "specificity": ratio(others - (answered - hits), others),
        "f1": ratio(2 * hits, answered + support),
        "roc_auc": np.stack([roc_auc(ranking) for ranking in rankings], axis=1),
        "pr_auc": np.stack([average_precision(ranking) for ranking in rankings], axis=1),
    }
    return {metric: np.where(support > 0, values, np.nan) for metric, values in found.items()}


def _squared_errors(answers: Answers) -> NDArray[np.float64]:
    """Return Brier's (1950) score of each case: a sum over exclusive classes (0 to 2), a mean over labels (0 to 1)."""
    squared = np.square(answers.probabilities - answers.truth)
    return np.asarray(squared.mean(axis=1) if answers.multi_label else squared.sum(axis=1))
