"""Bland-Altman plots: how a measurement in predictions differs from that in the truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medweave.figures.style import INK, MUTED, colour, new_figure, style_axes

COLUMNS = 4


@dataclass(frozen=True)
class MeasuredPairs:
    """A measurement taken twice in the same cases.

    Attributes:
        title: Of the measurement.
        unit: Of the values.
        predicted: One value a case, at least one.
        truth: In the same order.
        limits: Of agreement, or None.
    """

    title: str
    unit: str
    predicted: NDArray[np.float64]
    truth: NDArray[np.float64]
    limits: Sequence[float] | None


def agreement_figure(measurements: Sequence[MeasuredPairs]) -> Figure:
    """Draw the difference (predicted minus true) over the mean of the two, a panel a measurement, a point a case.

    Args:
        measurements: At least one.
    """
    columns = min(len(measurements), COLUMNS)
    rows = -(-len(measurements) // columns)
    figure = new_figure(3.2 * columns + 0.8, 2.9 * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes, pairs in zip(panels, measurements, strict=False):
        _draw(axes, pairs)
    for axes in panels[len(measurements) :]:
        axes.set_axis_off()
    return figure


def _draw(axes: Axes, pairs: MeasuredPairs) -> None:
    difference = pairs.predicted - pairs.truth
    unit = f" ({pairs.unit})" if pairs.unit else ""
    style_axes(axes, title=pairs.title, x_label=f"mean of both{unit}", y_label=f"predicted - true{unit}")
    axes.axhline(0, color=MUTED, linewidth=0.9)
    axes.axhline(difference.mean(), color=INK, linewidth=1.4)
    _label(axes, float(difference.mean()))
    for limit in pairs.limits or ():
        axes.axhline(limit, color=INK, linewidth=1.0, linestyle="--")
        _label(axes, limit)
    axes.scatter((pairs.predicted + pairs.truth) / 2, difference, s=16, color=colour(0), alpha=0.75, linewidths=0)
    axes.margins(x=0.22, y=0.15)


def _label(axes: Axes, value: float) -> None:
    axes.annotate(
        f"{value:+.3g}",
        (1.0, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 2),
        textcoords="offset points",
        ha="right",
        fontsize=7.5,
        color=INK,
    )
