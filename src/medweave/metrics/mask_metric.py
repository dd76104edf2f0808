"""Metrics of a predicted and a true mask, by name; a plug-in registers its own with `@mask_metric(...)`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.core.registry import Registry
from medweave.metrics import overlap, surface
from medweave.metrics.overlap import Counts
from medweave.metrics.surface import SurfaceDistances
from medweave.preprocessing.geometry import Grid

Direction = Literal["higher", "lower", "nearer_zero"]


@dataclass(frozen=True)
class MaskPair:
    """One structure of one case: what was predicted and what is true; costly parts are computed once.

    Attributes:
        predicted: Boolean mask.
        truth: Boolean mask of the same shape.
        grid: The grid of both.
    """

    predicted: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    grid: Grid

    @cached_property
    def counts(self) -> Counts:
        """Voxels of the two masks."""
        return overlap.confusion(self.predicted, self.truth)

    @cached_property
    def surface_distances(self) -> SurfaceDistances:
        """Distances between the two surfaces; both masks must hold something."""
        return surface.surface_distances(self.predicted, self.truth, spacing_mm=self.grid.spacing_mm)

    @property
    def predicted_ml(self) -> float:
        """Volume of the prediction in millilitres (in 2D: area in square centimetres)."""
        return self.counts.predicted * self.grid.voxel_volume_ml

    @property
    def truth_ml(self) -> float:
        """Volume of the truth in millilitres (in 2D: area in square centimetres)."""
        return self.counts.truth * self.grid.voxel_volume_ml

    @property
    def is_missed(self) -> bool:
        """Whether there is something to find and nothing was predicted."""
        return self.counts.truth > 0 and self.counts.predicted == 0


class MaskMetric:
    """A metric with its rule for empty masks, so that its function never meets one that it cannot measure.

    Args:
        function: Value for a pair of masks; neither is empty if `worst` is given.
        better: Which values are good.
        meaning: One line for readers of a report.
        both_empty: Value when there is nothing to find and nothing was predicted.
        worst: Value on a grid when just one mask is empty; None leaves it to the function.
    """

    __name__: str

    def __init__(
        self,
        function: Callable[[MaskPair], float],
        *,
        better: Direction,
        meaning: str,
        both_empty: float,
        worst: Callable[[Grid], float] | None,
    ) -> None:
        update_wrapper(self, function)
        self.function, self.better, self.meaning = function, better, meaning
        self.both_empty, self.worst = both_empty, worst

    def __call__(self, pair: MaskPair) -> float:
        """Return the value of a pair of masks.

        Raises:
            RunError: The function returns no finite number.
        """
        is_empty = {pair.counts.predicted == 0, pair.counts.truth == 0}
        if is_empty == {True}:
            return self.both_empty
        if self.worst is not None and is_empty == {True, False}:
            return self.worst(pair.grid)
        value = float(self.function(pair))
        if not math.isfinite(value):
            raise RunError(
                f"metric {self.__name__!r} gave no finite number",
                got=value,
                fix="correct or drop the plug-in.",
            )
        return value

    def badness(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return numbers that are the larger, the worse the values are."""
        return {"higher": -values, "lower": values, "nearer_zero": np.abs(values)}[self.better]

    def worst_of(self, values: NDArray[np.float64]) -> float:
        """Return the worst of some values."""
        return float(values[np.argmax(self.badness(values))])


METRICS: Registry[MaskMetric] = Registry("metric", home="medweave.metrics")
"""Metrics of a pair of masks by name."""


def mask_metric(
    name: str, *, better: Direction, meaning: str, both_empty: float, worst: Callable[[Grid], float] | None
) -> Callable[[Callable[[MaskPair], float]], MaskMetric]:
    """Return a decorator that registers a function of a `MaskPair` as a metric.

    Args:
        name: Name in summary.json and per_case.csv; a unit is its suffix ("hd95_mm").
        better: As in `MaskMetric`, like the following.
        meaning: One line for readers of a report.
        both_empty: Value when both masks are empty.
        worst: Value on a grid when just one mask is empty; None leaves it to the function.
    """

    def add(function: Callable[[MaskPair], float]) -> MaskMetric:
        metric = MaskMetric(function, better=better, meaning=meaning, both_empty=both_empty, worst=worst)
        return METRICS.register(name)(metric)

    return add


def metric_names() -> list[str]:
    """Return the names of all metrics in reading order: medweave's own as they are declared, then plug-ins."""
    own = [
        "dice",
        "iou",
        "precision",
        "sensitivity",
        "hd95_mm",
        "assd_mm",
        "nsd_2mm",
        "volume_error_ml",
        "absolute_volume_error_ml",
    ]
    return [*own, *(name for name in METRICS.names() if name not in own)]


def _zero(_: Grid) -> float:
    return 0.0


def _diagonal(grid: Grid) -> float:
    return grid.diagonal_mm


@mask_metric(
    "dice",
    better="higher",
    meaning="Overlap of prediction and truth: 1 is identical, 0 is disjoint or missed.",
    both_empty=1.0,
    worst=_zero,
)
def dice(pair: MaskPair) -> float:
    """Return the Dice coefficient."""
    return overlap.dice(pair.counts)


@mask_metric(
    "iou",
    better="higher",
    meaning="Voxels in both as a part of the voxels in either (Jaccard index).",
    both_empty=1.0,
    worst=_zero,
)
def iou(pair: MaskPair) -> float:
    """Return the intersection over union."""
    return overlap.iou(pair.counts)


@mask_metric(
    "precision",
    better="higher",
    meaning="Part of the prediction that is true: low means too much was marked.",
    both_empty=1.0,
    worst=_zero,
)
def precision(pair: MaskPair) -> float:
    """Return the true part of the prediction."""
    return overlap.precision(pair.counts)


@mask_metric(
    "sensitivity",
    better="higher",
    meaning="Part of the truth that was found: low means too little was marked.",
    both_empty=1.0,
    worst=_zero,
)
def sensitivity(pair: MaskPair) -> float:
    """Return the found part of the truth."""
    return overlap.sensitivity(pair.counts)


@mask_metric(
    "hd95_mm",
    better="lower",
    meaning="95 % of either surface is nearer to the other than this (mm); missed counts as the image's diagonal.",
    both_empty=0.0,
    worst=_diagonal,
)
def hd95_mm(pair: MaskPair) -> float:
    """Return the 95th percentile Hausdorff distance."""
    return surface.hausdorff_mm(pair.surface_distances)


@mask_metric(
    "assd_mm",
    better="lower",
    meaning="Mean distance between the two surfaces (mm); missed counts as the image's diagonal.",
    both_empty=0.0,
    worst=_diagonal,
)
def assd_mm(pair: MaskPair) -> float:
    """Return the average symmetric surface distance."""
    return surface.average_distance_mm(pair.surface_distances)


@mask_metric(
    "nsd_2mm",
    better="higher",
    meaning="Part of both surfaces that lies within 2 mm of the other.",
    both_empty=1.0,
    worst=_zero,
)
def nsd_2mm(pair: MaskPair) -> float:
    """Return the normalised surface Dice at 2 mm."""
    return surface.normalised_surface_dice(pair.surface_distances, tolerance_mm=2.0)


@mask_metric(
    "volume_error_ml",
    better="nearer_zero",
    meaning="Predicted minus true volume (mL; in 2D area in cm²): above zero is too large.",
    both_empty=0.0,
    worst=None,
)
def volume_error_ml(pair: MaskPair) -> float:
    """Return the predicted minus the true volume."""
    return pair.predicted_ml - pair.truth_ml


@mask_metric(
    "absolute_volume_error_ml",
    better="lower",
    meaning="Size of the volume error whatever its sign (mL; in 2D area in cm²).",
    both_empty=0.0,
    worst=None,
)
def absolute_volume_error_ml(pair: MaskPair) -> float:
    """Return the difference of the volumes without its sign."""
    return abs(pair.predicted_ml - pair.truth_ml)
