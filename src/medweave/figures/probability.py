"""How sure a network is of a structure, voxel by voxel, beside the outlines of prediction and truth."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medweave.figures.overlay import outline
from medweave.figures.planes import Plane, display_window, mask_centre, orthogonal_planes
from medweave.figures.style import DARK, ON_DARK, new_figure
from medweave.preprocessing.geometry import Grid

TRUTH_COLOUR, PREDICTION_COLOUR = "lime", "red"
COLOURS = "inferno"
#: Smaller probabilities are not laid over the image, which would be veiled by them.
FAINTEST = 0.1
PANEL_INCHES, TEXT_INCHES = 4.4, 1.1


def probability_figure(
    image: NDArray[Any],
    probability: NDArray[np.float32],
    predicted: NDArray[np.bool_],
    truth: NDArray[np.bool_] | None,
    *,
    grid: Grid,
    title: str,
) -> Figure:
    """Draw the plane that shows most of a structure three times.

    They are the probability alone, the image with the outlines (truth in lime, prediction in dashed red), and the image
    under the probabilities of at least 0.1.

    Args:
        image: Voxels (x, y[, z]).
        probability: Of the structure, of the same shape.
        predicted: Mask of the structure, of the same shape.
        truth: True mask of the structure, of the same shape, or None where nobody knows it.
        grid: The grid of all.
        title: Above the panels.
    """
    centre = mask_centre(predicted if truth is None or not truth.any() else truth)

    def cut(array: NDArray[Any]) -> Plane:
        return orthogonal_planes(array, centre, spacing_mm=grid.spacing_mm, orientation=grid.orientation)[0]

    plane, likely = cut(image), cut(probability).values
    width_mm, height_mm = plane.extent_mm
    figure = new_figure(3 * PANEL_INCHES, PANEL_INCHES * height_mm / width_mm + TEXT_INCHES, background=DARK)
    panels = figure.subplots(1, 3)
    low, high = display_window(image)
    for axes, name in zip(panels, ("probability", "outlines", f"probability from {FAINTEST:g}"), strict=True):
        axes.imshow(plane.values, cmap="gray", vmin=low, vmax=high, aspect=plane.aspect, interpolation="bilinear")
        axes.set_title(name, color=ON_DARK, fontsize=11)
        axes.set_axis_off()
    handles = []
    for name, mask, colour, style in (
        ("truth", truth, TRUTH_COLOUR, "solid"),
        ("prediction", predicted, PREDICTION_COLOUR, "dashed"),
    ):
        if mask is not None:
            outline(panels[1], cut(mask).values, colour=colour, style=style)
            handles.append(Line2D([], [], color=colour, linestyle=style, label=name))
    heat = panels[0].imshow(likely, cmap=COLOURS, vmin=0, vmax=1, aspect=plane.aspect)
    shown = np.ma.masked_less(likely, FAINTEST)
    panels[2].imshow(shown, cmap=COLOURS, vmin=0, vmax=1, alpha=0.6, aspect=plane.aspect)
    figure.colorbar(heat, ax=panels, shrink=0.9).ax.tick_params(colors=ON_DARK, labelsize=9)
    figure.suptitle(f"{title}   {plane.name}", color=ON_DARK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, labelcolor=ON_DARK, fontsize=10)
    return figure
