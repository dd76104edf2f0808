"""How many cases each class has, in each part of the data."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medweave.figures.style import GRID, INK, colour, new_figure, style_axes

HEIGHT_OF_CLASS_INCHES = 0.42


def class_distribution_figure(counts: Mapping[str, Mapping[str, int]], *, title: str = "Cases by class") -> Figure:
    """Draw a bar for each class, divided by part, with its number of cases and its share of all.

    Args:
        counts: Cases of each class, by part ("train", "val", "test"; or one part named "all"); every part names the
            same classes.
        title: Above the bars.
    """
    classes = list(next(iter(counts.values())))
    figure = new_figure(8.0, max(1.5 + HEIGHT_OF_CLASS_INCHES * len(classes), 2.6))
    axes = figure.subplots()
    style_axes(axes, title=title, x_label="cases")
    left = np.zeros(len(classes))
    for position, (part, by_class) in enumerate(counts.items()):
        widths = np.array([by_class[name] for name in classes], dtype=np.float64)
        axes.barh(range(len(classes)), widths, left=left, color=colour(position), label=f"{part} ({widths.sum():.0f})")
        left += widths
    for row, total in enumerate(left):
        text = f" {total:.0f} ({total / max(left.sum(), 1):.0%})"
        axes.text(total, row, text, va="center", fontsize=8, color=INK)
    axes.set_yticks(range(len(classes)), [name.replace("_", " ") for name in classes])
    axes.invert_yaxis()
    axes.set_xlim(0, max(left.max(), 1) * 1.18)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    if len(counts) > 1:
        figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=len(counts), labelcolor=INK)
    return figure
