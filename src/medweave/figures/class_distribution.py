"""How many cases each class has, in each part of the data."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from medweave.figures.style import GRID, INK, colour, new_figure, style_axes

#: Cases of each class, by part ("train", "val", "test"; or one part named "all"), each part with the same classes.
Counts = Mapping[str, Mapping[str, int]]

BAR_INCHES = 0.42
PANEL_INCHES = 1.2


def class_distribution_figure(targets: Mapping[str, Counts]) -> Figure:
    """Draw a bar for each class, divided by part, with its number of cases and its share of all.

    Args:
        targets: Counts of each target, a panel each, by its name.
    """
    bars = [len(next(iter(counts.values()))) for counts in targets.values()]
    figure = new_figure(8.0, max(sum(PANEL_INCHES + BAR_INCHES * count for count in bars), 2.6))
    panels = np.atleast_1d(figure.subplots(len(targets), 1, height_ratios=bars)).ravel()
    for axes, (target, counts) in zip(panels, targets.items(), strict=True):
        _draw(axes, counts, title=f"Cases by {target.replace('_', ' ')}")
    panels[-1].set_xlabel("cases", fontsize=9, color=INK)
    return figure


def _draw(axes: Axes, counts: Counts, *, title: str) -> None:
    style_axes(axes, title=title)
    classes = list(next(iter(counts.values())))
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
        axes.legend(fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(counts), borderpad=0)
