"""A prediction over the truth: what both hold, what one of them holds alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from medweave.figures.edges import label_edges
from medweave.figures.planes import Plane, display_window, mask_centre, orthogonal_planes
from medweave.figures.style import DARK, ON_DARK, new_figure
from medweave.preprocessing.geometry import Grid

TRUTH_COLOUR, PREDICTION_COLOUR, BOTH_COLOUR, CONFUSED_COLOUR = "#15b886", "#f0432e", "#ffd83d", "#b06bff"
LEGEND = {
    1: ("truth only", TRUTH_COLOUR),
    2: ("prediction only", PREDICTION_COLOUR),
    3: ("both", BOTH_COLOUR),
    4: ("two different structures", CONFUSED_COLOUR),
}
MARGIN_MM = 25.0
OPACITY = 0.5


def comparison_figure(
    image: NDArray[Any], predicted: NDArray[np.uint8], truth: NDArray[np.uint8], *, grid: Grid, title: str
) -> Figure:
    """Draw the planes through the structure: green truth only, red prediction only, yellow both.

    Args:
        image: Voxels (x, y[, z]).
        predicted: Label map of the same shape.
        truth: Label map of the same shape.
        grid: The grid of all three.
        title: Above the planes.
    """
    classes = agreement(predicted, truth)
    centre = mask_centre(truth if truth.any() else predicted)
    planes, overlays = (
        orthogonal_planes(array, centre, spacing_mm=grid.spacing_mm, orientation=grid.orientation)
        for array in (image, classes)
    )
    figure = new_figure(3.7 * len(planes) if len(planes) > 1 else 5.0, 4.3 if len(planes) > 1 else 5.4)
    figure.set_facecolor(DARK)
    window = display_window(image)
    for axes, plane, overlay in zip(np.atleast_1d(figure.subplots(1, len(planes))), planes, overlays, strict=True):
        _draw(axes, plane, overlay.values, window)
    figure.suptitle(title, color=ON_DARK, fontsize=11, fontweight="bold", x=0.01, ha="left")
    shown = [LEGEND[value] for value in np.unique(classes).tolist() if value]
    figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in shown],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor=ON_DARK,
        fontsize=9,
    )
    return figure


def agreement(predicted: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 0 background, 1 truth only, 2 prediction only, 3 both, 4 two different structures."""
    classes = (truth > 0).astype(np.uint8) + 2 * (predicted > 0).astype(np.uint8)
    classes[(classes == 3) & (predicted != truth)] = 4
    return classes


def agreement_colours() -> NDArray[np.float64]:
    """Return the colour with opacity, (5, 4), of each value of `agreement`."""
    colours = np.zeros((len(LEGEND) + 1, 4))
    for value, (_, colour) in LEGEND.items():
        colours[value] = to_rgba(colour, OPACITY)
    return colours


def _draw(axes: Axes, plane: Plane, classes: NDArray[np.uint8], window: tuple[float, float]) -> None:
    axes.imshow(plane.values, cmap="gray", vmin=window[0], vmax=window[1], aspect=plane.aspect)
    axes.imshow(agreement_colours()[classes], aspect=plane.aspect, interpolation="nearest")
    _zoom(axes, plane, classes > 0)
    label_edges(axes, plane)


def _zoom(axes: Axes, plane: Plane, mask: NDArray[np.bool_]) -> None:
    """Show the structure with a margin around it."""
    rows, columns = plane.values.shape
    width_mm, height_mm = plane.extent_mm
    left, right = _limits(np.flatnonzero(mask.any(axis=0)), columns, MARGIN_MM * columns / width_mm)
    top, bottom = _limits(np.flatnonzero(mask.any(axis=1)), rows, MARGIN_MM * rows / height_mm)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _limits(filled: Sequence[int] | NDArray[np.intp], size: int, margin: float) -> tuple[float, float]:
    if len(filled) == 0:
        return -0.5, size - 0.5
    return max(filled[0] - margin, -0.5), min(filled[-1] + margin, size - 0.5)
