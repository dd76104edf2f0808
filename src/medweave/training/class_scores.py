"""How well a classification head does on the validation part, accumulated over all of it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score


def class_scores(logits: NDArray[np.float32], targets: Sequence[int | tuple[float, ...]]) -> dict[str, float]:
    """Return accuracy, balanced accuracy and the area under the ROC curve.

    The area is the mean over the classes, each against the rest, that are neither absent nor everywhere; it is left out
    where there is none. With several labels a case, accuracy is the share of cases with all labels right, and balanced
    accuracy the mean over the labels of sensitivity and specificity.

    Args:
        logits: (cases, classes).
        targets: Of each case, the index of its class, or 0 or 1 for each class.
    """
    is_multi_label = isinstance(targets[0], tuple)
    truth = np.asarray(targets) > 0 if is_multi_label else np.eye(logits.shape[1], dtype=bool)[np.asarray(targets)]
    answered = logits > 0 if is_multi_label else np.eye(logits.shape[1], dtype=bool)[logits.argmax(axis=1)]
    known = [label for label in range(logits.shape[1]) if 0 < truth[:, label].sum() < len(truth)]
    if is_multi_label:
        accuracy = float((answered == truth).all(axis=1).mean())
        recalls = [
            float((answered[:, label] == truth[:, label])[truth[:, label] == value].mean())
            for label in known
            for value in (True, False)
        ]
    else:
        accuracy = float((answered & truth).any(axis=1).mean())
        recalls = [
            float(answered[truth[:, label], label].mean()) for label in range(truth.shape[1]) if truth[:, label].any()
        ]
    scores = {"accuracy": accuracy, "balanced_accuracy": float(np.mean(recalls)) if recalls else accuracy}
    if known:
        probability = logits if is_multi_label else np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        scores["auc"] = float(np.mean([roc_auc_score(truth[:, label], probability[:, label]) for label in known]))
    return scores
