"""Every case of an evaluation as a point, by structure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medweave.figures.style import INK, MUTED, colour, new_figure, style_axes

CHARTED_METRICS = ("dice", "nsd_2mm", "hd95_mm", "volume_error_ml")
BOUNDED_METRICS = ("dice", "iou", "precision", "sensitivity", "nsd_2mm")
JITTER = 0.16
#: More structures than this are named upright, in a wider figure.
CROWDED = 12
MISSED_COLOUR = "#c1121f"


def distribution_figure(table: pd.DataFrame, *, unit: str, metrics: Sequence[str] = CHARTED_METRICS) -> Figure:
    """Draw boxes (median, quartiles, whiskers to 1.5 times their distance) with every case as a point.

    Args:
        table: Rows of per_case.csv of one head.
        unit: Of its volumes.
        metrics: Columns to draw, a panel each.
    """
    structures = list(dict.fromkeys(table["structure"]))
    is_crowded = len(structures) > CROWDED
    columns = 1 if is_crowded else min(len(metrics), 2 if len(structures) > 3 else len(metrics))
    rows = -(-len(metrics) // columns)
    figure = new_figure(max(11.0, 0.3 * len(structures)), 3.4 * rows)
    panels = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for axes, metric in zip(panels, metrics, strict=False):
        style_axes(axes, title=metric_label(metric, unit=unit))
        _set_limits(axes, table, metric)
        for position, structure in enumerate(structures):
            _draw_structure(axes, table[table["structure"] == structure], metric, position)
        axes.set_xticks(range(len(structures)), structures, rotation=90 if is_crowded else 0)
        axes.set_xlim(-0.6, len(structures) - 0.4)
        if metric == "volume_error_ml":
            axes.axhline(0, color=MUTED, linewidth=0.9, zorder=0)
    for axes in panels[len(metrics) :]:
        axes.set_axis_off()
    return figure


def metric_label(metric: str, *, unit: str = "") -> str:
    """Return a metric's name for people: "hd95_mm" is "HD95 (mm)".

    Args:
        metric: Name of the metric.
        unit: Of volumes, "mL" or in 2D "cm²"; "" leaves it out.
    """
    of_volumes = f" ({unit})" if unit else ""
    labels = {
        "dice": "Dice",
        "iou": "IoU",
        "precision": "Precision",
        "sensitivity": "Sensitivity",
        "hd95_mm": "HD95 (mm)",
        "assd_mm": "ASSD (mm)",
        "nsd_2mm": "NSD at 2 mm",
        "volume_error_ml": f"Volume error{of_volumes}",
        "absolute_volume_error_ml": f"Absolute volume error{of_volumes}",
    }
    return labels.get(metric, metric)


def _set_limits(axes: Axes, table: pd.DataFrame, metric: str) -> None:
    """Fit the axis to what was found: a missed structure, as far off as the image is large, would flatten all boxes."""
    values = table[metric] if metric in BOUNDED_METRICS else table.loc[~table["missed"].astype(bool), metric]
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    margin = 0.06 * (high - low) or 0.05 * max(abs(high), 1.0)
    axes.set_ylim(low - margin, high + margin)


def _draw_structure(axes: Axes, rows: pd.DataFrame, metric: str, position: int) -> None:
    values = rows[metric].to_numpy(dtype=np.float64)
    missed = rows["missed"].to_numpy(dtype=bool)
    shade = colour(position)
    axes.boxplot(
        values,
        positions=[position],
        widths=0.5,
        showfliers=False,
        patch_artist=True,
        boxprops={"facecolor": shade, "alpha": 0.18, "edgecolor": shade},
        medianprops={"color": INK, "linewidth": 1.6},
        whiskerprops={"color": shade},
        capprops={"color": shade},
    )
    x = position + np.random.default_rng(0).uniform(-JITTER, JITTER, len(values))
    axes.scatter(x[~missed], values[~missed], s=16, color=shade, alpha=0.75, linewidths=0, zorder=3)
    shown = np.clip(values[missed], *axes.get_ylim())
    axes.scatter(x[missed], shown, s=34, color=MISSED_COLOUR, marker="x", linewidths=1.6, zorder=4, clip_on=False)
