"""Whether probabilities mean what they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, softmax

from medweave.evaluation.ranking import ratio

N_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Cases binned by the confidence of their answer.

    Attributes:
        edges: Of the bins, from 0 to 1, (bins + 1,).
        counts: Answers in each bin, (bins,).
        confidence: Mean confidence of each bin, NaN where it is empty.
        accuracy: Share of right answers in each bin, NaN where it is empty.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(probabilities: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> Reliability:
    """Bin the answers by their confidence.

    Args:
        probabilities: (cases, classes).
        truth: Whether each class is right, (cases, classes).
        multi_label: Every probability is an answer of its own; otherwise the most probable class is the case's.
    """
    confidence, right = answers(probabilities, truth, multi_label=multi_label)
    member = _bins(confidence.ravel())
    counts = np.bincount(member, minlength=N_BINS).astype(np.float64)
    mean_confidence, accuracy = (
        ratio(np.bincount(member, weights=values.ravel(), minlength=N_BINS).astype(np.float64), counts)
        for values in (confidence, right)
    )
    return Reliability(np.linspace(0, 1, N_BINS + 1), counts, mean_confidence, accuracy)


def expected_calibration_error(
    weights: NDArray[np.float64], probabilities: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool
) -> NDArray[np.float64]:
    """Return the expected calibration error (Guo et al., ICML 2017: 15 equal bins) for each weighting of the cases.

    Args:
        weights: Of each case, (weightings, cases).
        probabilities: (cases, classes).
        truth: Whether each class is right, (cases, classes).
        multi_label: Take the mean of the classes' errors, each for its own probability; otherwise the error of the
            most probable class.
    """
    confidence, right = answers(probabilities, truth, multi_label=multi_label)
    errors = []
    for sure, hit in zip(confidence.T, right.T, strict=True):
        gaps = np.zeros((len(sure), N_BINS))
        gaps[np.arange(len(sure)), _bins(sure)] = hit - sure
        errors.append(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))
    return np.asarray(np.mean(errors, axis=0))


def answers(
    probabilities: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how sure each answer is and whether it is right (0 or 1).

    Both are (cases, 1), or if multi-label (cases, classes), where every class is an answer of its own.
    """
    if multi_label:
        return probabilities, truth.astype(np.float64)
    chosen = probabilities.argmax(axis=1)[:, None]
    return np.take_along_axis(probabilities, chosen, axis=1), np.take_along_axis(truth, chosen, axis=1).astype(float)


def without_temperature(
    probabilities: NDArray[np.float64], temperature: float | NDArray[np.float64], *, multi_label: bool
) -> NDArray[np.float64]:
    """Return what the probabilities were before a temperature was applied to their logits.

    Args:
        probabilities: (cases, classes).
        temperature: That the logits were divided by; one, or (cases, 1).
        multi_label: The classes are independent (sigmoid) instead of exclusive (softmax).
    """
    if multi_label:
        return np.asarray(expit(temperature * logit(probabilities)))
    smallest = np.finfo(np.float64).tiny
    return np.asarray(softmax(temperature * np.log(np.maximum(probabilities, smallest)), axis=1))


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each confidence; a bin holds its upper edge, the first one also 0."""
    return np.clip(np.ceil(confidence * N_BINS).astype(np.intp) - 1, 0, N_BINS - 1)
