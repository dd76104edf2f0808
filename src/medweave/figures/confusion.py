"""How the true classes were answered."""

from collections.abc import Sequence

import numpy as np
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


def confusion_figure(matrix: NDArray[np.int64], *, classes: Sequence[str], title: str = "") -> Figure:
    """Draw a confusion matrix: each cell with its cases and their percentage of the row, shaded by the latter.

    Args:
        matrix: Cases by true class (rows) and answered class (columns).
        classes: Names of both.
        title: Above the matrix.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    figure = new_figure(6.0, 5.0)
    axes = figure.subplots()
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    has_many = len(classes) > MANY_CLASSES
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        axes.text(
            column,
            row,
            f"{count}" if has_many or not totals[row] else f"{count}\n{share:.0%}",
            ha="center",
            va="center",
            fontsize=7 if has_many else 10,
            color="white" if share > DARK_SHARE else INK,
        )
    style_axes(axes, title=title, x_label="answered", y_label="true")
    names = [name.replace("_", " ") for name in classes]
    is_crowded = max(len(name) for name in names) * len(names) > ROW_CHARACTERS
    axes.set_xticks(range(len(names)), names, rotation=35 if is_crowded else 0, ha="right" if is_crowded else "center")
    counted = [f"{name}\n(n = {total})" for name, total in zip(names, totals[:, 0], strict=True)]
    axes.set_yticks(range(len(names)), counted)
    axes.grid(visible=False)
    for edge in range(len(names) + 1):
        axes.axhline(edge - 0.5, color=GRID, linewidth=1)
        axes.axvline(edge - 0.5, color=GRID, linewidth=1)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure
