"""The temperature: one number a classification head, fitted after the training, that makes probabilities honest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_expit, log_softmax

from medweave.core.errors import DataError, RunError
from medweave.core.files import read_json, write_json

#: Within which a temperature is sought.
LOWEST, HIGHEST = 0.1, 10.0
#: With fewer cases a fit says more about them than about the network.
MIN_CASES = 10


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature and what it changes on the cases that it was fitted to.

    Attributes:
        temperature: What the logits are divided by; above 1 makes the answers less sure.
        n_cases: Cases of the fit.
        nll_before: Mean negative log likelihood without it.
        nll_after: The same with it.
        note: Why the temperature is 1 or at a bound; empty for an ordinary fit.
    """

    temperature: float
    n_cases: int
    nll_before: float
    nll_after: float
    note: str = ""


def fit_temperature(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> TemperatureFit:
    """Fit the temperature that makes the cases' truth most likely (Guo et al., ICML 2017).

    The likelihood has one maximum, which is at no finite temperature where every case is answered right: then the
    answers are never sharpened, because cases without an error cannot show how rare errors are.

    Args:
        logits: (cases, classes), at least one case.
        truth: Whether each class is right, (cases, classes).
        multi_label: The classes are independent (sigmoid) instead of exclusive (softmax).
    """
    temperature, note = _temperature(logits, truth, multi_label=multi_label)
    return TemperatureFit(
        temperature=temperature,
        n_cases=len(logits),
        nll_before=_negative_log_likelihood(logits, truth, multi_label=multi_label),
        nll_after=_negative_log_likelihood(logits / temperature, truth, multi_label=multi_label),
        note=note,
    )


def save_temperatures(path: Path, fits: Mapping[str, TemperatureFit]) -> None:
    """Write calibration.json: the fit of each classification head."""
    write_json(path, {head: asdict(fit) for head, fit in fits.items()})


def load_temperatures(path: Path) -> dict[str, float]:
    """Return the temperature of each head in calibration.json; none where there is no such file.

    Raises:
        RunError: The file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        return {head: float(TemperatureFit(**fit).temperature) for head, fit in read_json(path).items()}
    except (AttributeError, DataError, TypeError, ValueError) as error:
        raise RunError(
            "the calibration cannot be read", where=path, got=error, fix="train again, or remove it."
        ) from error


def _temperature(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> tuple[float, str]:
    if len(logits) < MIN_CASES:
        return 1.0, f"too few validation cases for a fit: {len(logits)}, wanted {MIN_CASES}"
    right = (logits > 0) == truth if multi_label else np.take_along_axis(truth, logits.argmax(axis=1)[:, None], axis=1)
    lowest = 1.0 if right.all() else LOWEST
    fit = minimize_scalar(
        lambda logarithm: _negative_log_likelihood(logits / np.exp(logarithm), truth, multi_label=multi_label),
        bounds=(np.log(lowest), np.log(HIGHEST)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    temperature = float(np.exp(fit.x))
    if temperature < lowest * 1.001:
        reason = "every validation case is answered right" if lowest == 1 else "at the lowest allowed"
        return lowest, f"{reason}: the temperature is held at {lowest:g}"
    if temperature > HIGHEST / 1.001:
        return HIGHEST, f"at the highest allowed, {HIGHEST:g}: the answers tell little"
    return temperature, ""


def _negative_log_likelihood(logits: NDArray[np.float64], truth: NDArray[np.bool_], *, multi_label: bool) -> float:
    """Return the mean over the cases (and, if multi-label, the classes)."""
    if multi_label:
        return float(-log_expit(np.where(truth, logits, -logits)).mean())
    return float(-log_softmax(logits, axis=1)[truth].mean())
