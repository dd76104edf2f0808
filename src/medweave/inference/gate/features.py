"""Where the training cases lie in the network's feature space, and how far from them a new case lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: Principal axes at most; with few cases half as many as there are cases.
MAX_AXES = 32
#: Cases below which no distribution is fitted.
MIN_CASES = 5
#: With fewer held-out cases, training cases that were left out of the fit one fold after the other count too.
MIN_HELD_OUT = 10
FOLDS = 5
#: Share of new cases like the training cases that the limit lets pass. Their network's distances have heavy tails: a
#: limit beyond nearly all of them lets pass most of what the network has never seen too.
PASSING_SHARE = 0.95
#: Digits of a number in JSON.
DIGITS = 7


def feature_output(input_name: str) -> str:
    """Return the name under which a backend gives the pooled features of an input, beside the logits of the heads."""
    return f"features.{input_name}"


@dataclass(frozen=True)
class FeatureSpace:
    """A Gaussian over the pooled features of the training cases (probabilistic PCA, Tipping and Bishop, JRSS B 1999).

    Its covariance is that of the cases along the first principal axes, and the mean of the remaining variances along
    all other directions: a shrunk covariance that has an inverse with any number of cases, and is small on disk.

    Attributes:
        mean: (F,).
        axes: (K, F), orthonormal.
        variances: (K,) along the axes.
        noise_variance: Along every other direction.
        threshold: Distance above which a case is unlike the training cases.
    """

    mean: Vector
    axes: Vector
    variances: Vector
    noise_variance: float
    threshold: float = np.inf

    def distance(self, features: NDArray[np.floating]) -> float:
        """Return the Mahalanobis distance of a case from the training cases, by the root of the number of features.

        Args:
            features: (F,).
        """
        offset = features.astype(np.float64) - self.mean
        along = self.axes @ offset
        beyond = offset - along @ self.axes
        squared = float((along**2 / self.variances).sum()) + float(beyond @ beyond) / self.noise_variance
        return float(np.sqrt(squared / len(self.mean)))

    def doubt(self, features: NDArray[np.floating]) -> float:
        """Return the distance by the threshold: above 1 the case is unlike the training cases."""
        return self.distance(features) / self.threshold

    def to_json(self) -> dict[str, Any]:
        """Return the distribution as plain JSON values."""
        return {
            "mean": _rounded(self.mean),
            "axes": [_rounded(axis) for axis in self.axes],
            "variances": _rounded(self.variances),
            "noise_variance": self.noise_variance,
            "threshold": self.threshold,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "FeatureSpace":
        """Build what `to_json` described."""
        mean, axes, variances = (np.array(content[name], float) for name in ("mean", "axes", "variances"))
        return cls(
            mean,
            axes.reshape(len(variances), len(mean)),
            variances,
            float(content["noise_variance"]),
            float(content["threshold"]),
        )


def fit_feature_space(training: Sequence[Vector], held_out: Sequence[Vector]) -> FeatureSpace | None:
    """Fit the distribution to training cases and the threshold to cases that the network was not fitted to.

    The threshold lets pass PASSING_SHARE of new cases like those held out, with fewer than 19 of them the largest
    distance (the conformal quantile of Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005).

    Args:
        training: (F,) of each training case.
        held_out: (F,) of each validation case.

    Returns:
        None with fewer than MIN_CASES training cases.
    """
    if len(training) < MIN_CASES:
        return None
    cases = np.stack(training).astype(np.float64)
    fitted = _fit(cases)
    distances = [fitted.distance(case) for case in held_out]
    if len(distances) < MIN_HELD_OUT:
        distances += _distances_of_left_out(cases)
    rank = min(math.ceil((len(distances) + 1) * PASSING_SHARE), len(distances))
    threshold = sorted(distances)[rank - 1]
    return FeatureSpace(fitted.mean, fitted.axes, fitted.variances, fitted.noise_variance, threshold)


def _fit(cases: Vector) -> FeatureSpace:
    mean = cases.mean(axis=0)
    _, singular, axes = np.linalg.svd(cases - mean, full_matrices=False)
    variances = singular**2 / (len(cases) - 1)
    kept = min(MAX_AXES, len(cases) // 2, len(variances) - 1)
    # Features that never vary must not make a rounding error infinitely far.
    floor = max(1e-6 * float(variances.mean()), 1e-12)
    noise = max(float(variances[kept:].mean()), floor)
    return FeatureSpace(mean, axes[:kept], np.maximum(variances[:kept], noise), noise)


def _distances_of_left_out(cases: Vector) -> list[float]:
    found = []
    for fold in range(FOLDS):
        is_left_out = np.arange(len(cases)) % FOLDS == fold
        fitted = _fit(cases[~is_left_out])
        found += [fitted.distance(case) for case in cases[is_left_out]]
    return found


def _rounded(values: Vector) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
