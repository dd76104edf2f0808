"""How structure volumes and intensities are distributed over the cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from medweave.figures.style import INK, MUTED, colour, new_figure, style_axes

MAX_COLUMNS = 3
MAX_BINS = 30
#: Scales that differ by more are not drawn on one axis.
MAX_SCALE_RATIO = 10.0
#: Share of the peak below which nothing is drawn.
FAINTEST = 2e-3


@dataclass(frozen=True)
class IntensityCurve:
    """Voxel counts of one case in equal bins.

    Attributes:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
        counts: Of the whole image.
        foreground_counts: Of the labelled voxels, in the same bins, or None.
    """

    low: float
    high: float
    counts: NDArray[np.int64]
    foreground_counts: NDArray[np.int64] | None


def volume_figure(volumes: Mapping[str, Sequence[float]]) -> Figure:
    """Draw a histogram of each structure's volume over the cases that have it.

    Args:
        volumes: At least one value of each structure, by title with its unit ("left atrium (mL)").
    """
    figure, panels = _grid_of_panels(len(volumes))
    for position, (axes, (name, values)) in enumerate(zip(panels, volumes.items(), strict=True)):
        bins = min(max(int(np.ceil(2 * len(values) ** 0.5)), 5), MAX_BINS)
        axes.hist(values, bins=bins, color=colour(position), alpha=0.85, edgecolor="white", linewidth=0.6)
        median = float(np.median(values))
        axes.axvline(median, color=INK, linewidth=1.2, linestyle="--", label=f"median {median:.3g}")
        style_axes(axes, title=name, x_label="volume", y_label="cases")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.set_ymargin(0.25)
        axes.legend(frameon=False, fontsize=8, loc="upper right", labelcolor=INK)
    return figure


def intensity_figure(images: Mapping[str, Sequence[IntensityCurve]]) -> Figure:
    """Draw the intensities of each image: a thin line a case, and the mean over the cases as a thick one.

    Each line is scaled to its peak. Where the cases' intensity scales differ more than tenfold, every case is drawn on
    its own range.

    Args:
        images: At least one case of each image name.
    """
    figure, panels = _grid_of_panels(len(images), max_columns=2, height=3.2)
    for axes, (name, curves) in zip(panels, images.items(), strict=True):
        highs = [max(abs(curve.low), abs(curve.high)) for curve in curves]
        has_own_ranges = max(highs) > MAX_SCALE_RATIO * min(highs)
        _draw_curves(axes, curves, has_own_ranges=has_own_ranges)
        label = "intensity, from each case's 0.5th (0) to its 99.5th percentile (1)" if has_own_ranges else "intensity"
        style_axes(axes, title=name, x_label=label, y_label="voxels (peak = 1)")
        axes.set_yscale("log", nonpositive="mask")
        axes.set_ylim(FAINTEST, 1.5)
        axes.legend(frameon=False, fontsize=8, loc="upper right", labelcolor=INK)
    return figure


def _draw_curves(axes: Axes, curves: Sequence[IntensityCurve], *, has_own_ranges: bool) -> None:
    spans = [(0.0, 1.0) if has_own_ranges else (curve.low, curve.high) for curve in curves]
    shared = np.linspace(min(low for low, _ in spans), max(high for _, high in spans), 256)
    kinds = (
        ("whole image", MUTED, [curve.counts for curve in curves]),
        ("labelled voxels", colour(1), [curve.foreground_counts for curve in curves]),
    )
    alpha = min(0.5, 8 / len(curves))
    for name, line_colour, counts_of_cases in kinds:
        densities = []
        for (low, high), counts in zip(spans, counts_of_cases, strict=True):
            if counts is not None and counts.any() and high > low:
                centres = low + (np.arange(len(counts)) + 0.5) * (high - low) / len(counts)
                axes.plot(centres, counts / counts.max(), color=line_colour, alpha=alpha, linewidth=0.8)
                density = counts / (counts.sum() * (high - low))
                densities.append(np.interp(shared, centres, density, left=0.0, right=0.0))
        if densities:
            mean = np.mean(densities, axis=0)
            axes.plot(shared, mean / mean.max(), color=line_colour, linewidth=2.2, label=name)


def _grid_of_panels(count: int, *, max_columns: int = MAX_COLUMNS, height: float = 2.8) -> tuple[Figure, list[Axes]]:
    columns = min(count, max_columns)
    rows = -(-count // columns)
    figure = new_figure(10.5, height * rows)
    panels = list(np.atleast_1d(figure.subplots(rows, columns)).ravel())
    for unused in panels[count:]:
        unused.set_axis_off()
    return figure, panels[:count]
