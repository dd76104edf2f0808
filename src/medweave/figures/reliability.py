"""Whether answers are right as often as they are sure."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from medweave.figures.style import INK, MUTED, colour, new_figure, style_axes


def reliability_figure(
    edges: NDArray[np.float64],
    counts: NDArray[np.float64],
    confidence: NDArray[np.float64],
    accuracy: NDArray[np.float64],
    *,
    title: str = "Calibration",
) -> Figure:
    """Draw the share of right answers over how sure they are, and how many answers are that sure.

    Args:
        edges: Of the bins, (bins + 1,).
        counts: Answers in each bin, (bins,).
        confidence: Mean confidence of each bin, NaN where it is empty.
        accuracy: Share of right answers in each bin, NaN where it is empty.
        title: Above the diagram.
    """
    figure = new_figure(7.0, 6.0)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    style_axes(upper, title=title, y_label="share of right answers")
    filled = counts > 0
    left, width = edges[:-1][filled], np.diff(edges)[filled]
    upper.bar(left, accuracy[filled], width, align="edge", color=colour(0), alpha=0.25, edgecolor="white")
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=":", label="as often right as sure")
    upper.vlines(confidence[filled], accuracy[filled], confidence[filled], color=colour(1), linewidth=1.4, label="gap")
    # Area for the number of answers, so that a bin of one answer does not look like one of a hundred.
    size = 14 + 120 * counts[filled] / counts.max()
    upper.scatter(confidence[filled], accuracy[filled], s=size, color=colour(0), edgecolor="white", zorder=3)
    upper.set_ylim(-0.03, 1.04)
    upper.legend(fontsize=9, frameon=False, loc="upper left", labelcolor=INK)
    style_axes(lower, x_label="confidence of the answer", y_label="answers")
    lower.bar(left, counts[filled], width, align="edge", color=colour(0), alpha=0.85, edgecolor="white")
    lower.set_xlim(0, 1)
    lower.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    return figure
