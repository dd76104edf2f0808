"""How the true classes were answered."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medweave.figures.style import GRID, INK, colour, new_figure, style_axes

SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", colour(0)])
#: Share of a row above which the text is white.
DARK_SHARE = 0.55
#: More classes need smaller numbers, and then no percentages.
MANY_CLASSES = 8
#: Characters that fit under the matrix in one line.
ROW_CHARACTERS = 48
#: Columns of a label's row: what is true, and what was answered.
ANSWERS = ("no,\nanswered no", "no,\nanswered yes", "yes,\nanswered no", "yes,\nanswered yes")


def confusion_figure(matrix: NDArray[np.int64], *, classes: Sequence[str], title: str = "") -> Figure:
    """Draw a confusion matrix: each cell with its cases and their percentage of those with its truth, as its shade.

    Args:
        matrix: (classes, classes), cases by true class (rows) and answered class (columns); where a case has several
            labels (classes, 2, 2), for each label by no and yes, which are drawn as a row a label.
        classes: Names of the classes.
        title: Above the matrix.
    """
    if matrix.ndim > 2:
        return _labels_figure(matrix, classes=classes, title=title)
    totals = matrix.sum(axis=1)
    figure = new_figure(6.0, 5.0)
    axes = figure.subplots()
    _draw_cells(axes, matrix, totals=np.broadcast_to(totals[:, None], matrix.shape))
    style_axes(axes, title=title, x_label="answered", y_label="true")
    names = _shown(classes)
    is_crowded = max(len(name) for name in names) * len(names) > ROW_CHARACTERS
    axes.set_xticks(range(len(names)), names, rotation=35 if is_crowded else 0, ha="right" if is_crowded else "center")
    counted = [f"{name}\n(n = {total})" for name, total in zip(names, totals, strict=True)]
    axes.set_yticks(range(len(names)), counted)
    _draw_lines(axes, matrix.shape)
    return figure


def _labels_figure(matrices: NDArray[np.int64], *, classes: Sequence[str], title: str) -> Figure:
    rows = matrices.reshape(len(classes), 4)
    totals = np.repeat(matrices.sum(axis=2), 2, axis=1)
    figure = new_figure(6.0, 1.6 + 0.5 * len(classes))
    axes = figure.subplots()
    _draw_cells(axes, rows, totals=totals)
    style_axes(axes, title=title)
    axes.set_xticks(range(len(ANSWERS)), ANSWERS)
    axes.set_yticks(range(len(classes)), _shown(classes))
    _draw_lines(axes, rows.shape)
    axes.axvline(1.5, color=INK, linewidth=1)
    return figure


def _shown(names: Sequence[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def _draw_cells(axes: Axes, counts: NDArray[np.int64], *, totals: NDArray[np.int64]) -> None:
    """Draw each count, and its percentage of a total of the same shape, shaded by the latter."""
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    has_many = len(counts) > MANY_CLASSES
    for (row, column), count in np.ndenumerate(counts):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{count}" if has_many or not totals[row, column] else f"{count}\n{share:.0%}",
            ha="center",
            va="center",
            fontsize=7 if has_many else 10,
            color="white" if share > DARK_SHARE else INK,
        )


def _draw_lines(axes: Axes, shape: tuple[int, ...]) -> None:
    axes.grid(visible=False)
    for edge in range(shape[0] + 1):
        axes.axhline(edge - 0.5, color=GRID, linewidth=1)
    for edge in range(shape[1] + 1):
        axes.axvline(edge - 0.5, color=GRID, linewidth=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
