"""What a classifier finds and what it costs, over all thresholds: each class against all others."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from medweave.figures.style import MUTED, PALETTE, colour, new_figure, style_axes

WIDTH_INCHES, HEIGHT_INCHES = 7.0, 6.0
#: The next one is taken when the colours are used up.
LINE_STYLES = ("-", "--", ":", "-.")


def roc_figure(
    truth: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    *,
    areas: Mapping[str, float | None],
    title: str = "ROC, each class against all others",
) -> Figure:
    """Draw the ROC curve of each class.

    Args:
        truth: Whether each case is of each class, (cases, classes).
        probabilities: (cases, classes).
        areas: Area under the curve of each class, in the order of the columns; a class with None has no curve.
        title: Above the curves.
    """
    figure, axes = _square(title, x_label="1 - specificity", y_label="sensitivity (recall)")
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":")
    for position, (name, area) in enumerate(areas.items()):
        if area is not None:
            false_positives, found, _ = roc_curve(truth[:, position], probabilities[:, position])
            _draw(axes, false_positives, found, position=position, label=_label(name, area))
    _add_legend(axes, areas)
    return figure


def precision_recall_figure(
    truth: NDArray[np.bool_],
    probabilities: NDArray[np.float64],
    *,
    areas: Mapping[str, float | None],
    title: str = "Precision and recall, each class against all others",
) -> Figure:
    """Draw the precision-recall curve of each class, with the share of the class as a dotted line.

    Args:
        truth: Whether each case is of each class, (cases, classes).
        probabilities: (cases, classes).
        areas: Area under the curve of each class, in the order of the columns; a class with None has no curve.
        title: Above the curves.
    """
    figure, axes = _square(title, x_label="recall (sensitivity)", y_label="precision")
    for position, (name, area) in enumerate(areas.items()):
        if area is not None:
            precision, found, _ = precision_recall_curve(truth[:, position], probabilities[:, position])
            _draw(axes, found, precision, position=position, label=_label(name, area), steps="steps-post")
            axes.axhline(truth[:, position].mean(), color=colour(position), linewidth=0.8, linestyle=":", zorder=1)
    _add_legend(axes, areas)
    return figure


def _square(title: str, *, x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = new_figure(WIDTH_INCHES, HEIGHT_INCHES)
    axes = figure.subplots()
    style_axes(axes, title=title, x_label=x_label, y_label=y_label)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    return figure, axes


def _draw(
    axes: Axes,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    position: int,
    label: str,
    steps: str = "default",
) -> None:
    line_style = LINE_STYLES[position // len(PALETTE) % len(LINE_STYLES)]
    axes.plot(x, y, color=colour(position), linewidth=2, linestyle=line_style, label=label, drawstyle=steps)


def _label(name: str, area: float | None) -> str:
    return f"{name.replace('_', ' ')}: AUC {'undefined' if area is None else f'{area:.3f}'}"


def _add_legend(axes: Axes, areas: Mapping[str, float | None]) -> None:
    for name, area in areas.items():
        if area is None:
            axes.plot([], [], color="none", label=_label(name, area))
    axes.legend(fontsize=9, frameon=True, framealpha=0.85, edgecolor="none", loc="lower right")
