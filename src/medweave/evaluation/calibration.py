"""Whether probabilities mean what they say, and the one number that mends most of them: the temperature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, logit, softmax

from medweave.evaluation.ranking import ratio

N_BINS = 15
#: Within which a temperature is sought.
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 10.0
#: With fewer validation cases the fit says more about them than about the network.
MIN_CASES = 10


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


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature and what it changes on the cases that it was fitted to.

    Attributes:
        temperature: What the logits are divided by; above 1 makes the answers less sure.
        n_cases: Cases of the fit.
        nll_before: Mean negative log likelihood without it.
        nll_after: The same with it.
        ece_before: Expected calibration error without it.
        ece_after: The same with it.
        note: Why the temperature is 1 or at a bound; empty for an ordinary fit.
    """

    temperature: float
    n_cases: int
    nll_before: float
    nll_after: float
    ece_before: float
    ece_after: float
    note: str = ""


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


def fit_temperature(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> TemperatureFit:
    """Fit the temperature that makes the cases' truth most likely (Guo et al., ICML 2017).

    The likelihood has one minimum, which is at no finite temperature where every case is answered right: then the
    temperature stays at 1, because cases without an error cannot show how rare errors are.

    Args:
        logits: (cases, classes).
        truth: Whether each class is right, (cases, classes).
        multi_label: The classes are independent (sigmoid) instead of exclusive (softmax).
    """
    temperature, note = _temperature(logits, truth, multi_label=multi_label)
    before, after = (_quality(logits / value, truth, multi_label=multi_label) for value in (1.0, temperature))
    return TemperatureFit(
        temperature=temperature,
        n_cases=len(logits),
        nll_before=before[0],
        nll_after=after[0],
        ece_before=before[1],
        ece_after=after[1],
        note=note,
    )


def without_temperature(
    probabilities: NDArray[np.float64], temperature: float, *, multi_label: bool
) -> NDArray[np.float64]:
    """Return what the probabilities were before a temperature was applied to their logits.

    Args:
        probabilities: (cases, classes).
        temperature: That the logits were divided by.
        multi_label: The classes are independent (sigmoid) instead of exclusive (softmax).
    """
    if multi_label:
        return np.asarray(expit(temperature * logit(probabilities)))
    smallest = np.finfo(np.float64).tiny
    return np.asarray(softmax(temperature * np.log(np.maximum(probabilities, smallest)), axis=1))


def _quality(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> tuple[float, float]:
    """Return the mean negative log likelihood and the expected calibration error."""
    probabilities = expit(logits) if multi_label else softmax(logits, axis=1)
    one = np.ones((1, len(logits)))
    error = expected_calibration_error(one, probabilities, truth, multi_label=multi_label)
    return _negative_log_likelihood(logits, truth, multi_label=multi_label), float(error[0])


def _temperature(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> tuple[float, str]:
    if len(logits) < MIN_CASES:
        return 1.0, f"too few validation cases for a fit: {len(logits)}, wanted {MIN_CASES}"
    right = (logits > 0) == truth if multi_label else np.take_along_axis(truth, logits.argmax(axis=1)[:, None], axis=1)
    lowest = 1.0 if right.all() else LOWEST_TEMPERATURE
    fit = minimize_scalar(
        lambda logarithm: _negative_log_likelihood(logits / np.exp(logarithm), truth, multi_label=multi_label),
        bounds=(np.log(lowest), np.log(HIGHEST_TEMPERATURE)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    temperature = float(np.exp(fit.x))
    if temperature < lowest * 1.001:
        reason = "every validation case is answered right" if lowest == 1 else "at the lowest allowed"
        return lowest, f"{reason}: the temperature is held at {lowest:g}"
    if temperature > HIGHEST_TEMPERATURE / 1.001:
        return HIGHEST_TEMPERATURE, f"at the highest allowed, {HIGHEST_TEMPERATURE:g}: the answers tell little"
    return temperature, ""


def _negative_log_likelihood(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> float:
    """Return the mean over the cases (and, if multi-label, the classes)."""
    if multi_label:
        return float(-log_expit(np.where(truth, logits, -logits)).mean())
    return float(-log_softmax(logits, axis=1)[truth].mean())


def _bins(confidence: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the bin of each confidence; a bin holds its upper edge, the first one also 0."""
    return np.clip(np.ceil(confidence * N_BINS).astype(np.intp) - 1, 0, N_BINS - 1)
