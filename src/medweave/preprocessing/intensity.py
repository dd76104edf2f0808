"""Intensity normalisation of one image channel."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["zscore", "percentile", "range", "minmax", "none"]


@dataclass(frozen=True, kw_only=True)
class IntensityNormalisation:
    """How the values of a channel become comparable between images.

    Attributes:
        method: "zscore" (mean 0, standard deviation 1), "percentile" (two percentiles to 0 and 1, clipped), "range"
            (`lower` and `upper` to 0 and 1, clipped; a CT window in Hounsfield units), "minmax" (extremes to 0 and 1)
            or "none".
        lower: Lower percentile ("percentile", "zscore") or value ("range").
        upper: Upper percentile or value. With "zscore", values beyond the two percentiles are clipped first.
        only_nonzero: Take the statistics over voxels that are not zero, as in skull-stripped images.
    """

    method: Method = "zscore"
    lower: float | None = None
    upper: float | None = None
    only_nonzero: bool = False

    def __call__(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the normalised copy of a channel of any shape."""
        if self.method == "none":
            return array
        if self.method == "range":
            return _to_unit_interval(array, _given(self.lower, 0.0), _given(self.upper, 1.0))
        sample = array[array != 0] if self.only_nonzero and np.any(array) else array
        if self.method == "minmax":
            return _to_unit_interval(array, float(sample.min()), float(sample.max()))
        if self.method == "percentile":
            lower, upper = np.percentile(sample, [_given(self.lower, 0.0), _given(self.upper, 100.0)]).tolist()
            return _to_unit_interval(array, lower, upper)
        lower = -np.inf if self.lower is None else float(np.percentile(sample, self.lower))
        upper = np.inf if self.upper is None else float(np.percentile(sample, self.upper))
        sample = np.clip(sample, lower, upper)
        mean, deviation = float(sample.mean(dtype=np.float64)), float(sample.std(dtype=np.float64))
        return ((np.clip(array, lower, upper) - mean) / max(deviation, 1e-8)).astype(np.float32)


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _to_unit_interval(array: NDArray[np.float32], lower: float, upper: float) -> NDArray[np.float32]:
    return ((np.clip(array, lower, upper) - lower) / max(upper - lower, 1e-8)).astype(np.float32)
