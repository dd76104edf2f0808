"""A case at one look: image, truth, prediction, and what the two hold together."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from medweave.figures.comparison import LEGEND, agreement, agreement_colours
from medweave.figures.planes import display_window, mask_centre, orthogonal_planes
from medweave.figures.style import DARK, ON_DARK, new_figure
from medweave.preprocessing.geometry import Grid

PANEL_INCHES, TEXT_INCHES = 3.6, 1.1


def four_panels_figure(
    image: NDArray[Any],
    predicted: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    *,
    grid: Grid,
    dice: float,
    title: str,
) -> Figure:
    """Draw the plane that shows most of the truth four times: plain, with either label map, and with both.

    Green is the truth, red the prediction, and in the overlay yellow what both hold.

    Args:
        image: Voxels (x, y[, z]).
        predicted: Label map of the same shape.
        truth: Label map of the same shape.
        grid: The grid of all three.
        dice: Of the whole case, not of the plane; written above the prediction.
        title: Above the panels.
    """
    centre = mask_centre(truth if truth.any() else predicted)
    true_only, predicted_only, both = 1 * (truth > 0), 2 * (predicted > 0), agreement(predicted, truth)
    plane, *overlays = (
        orthogonal_planes(array, centre, spacing_mm=grid.spacing_mm, orientation=grid.orientation)[0]
        for array in (image, np.zeros_like(both), true_only, predicted_only, both)
    )
    names = ("image", "truth", f"prediction, Dice {dice:.3f}", "overlay")
    width_mm, height_mm = plane.extent_mm
    figure = new_figure(4 * PANEL_INCHES, PANEL_INCHES * height_mm / width_mm + TEXT_INCHES, background=DARK)
    low, high = display_window(image)
    for axes, name, overlay in zip(figure.subplots(1, 4), names, overlays, strict=True):
        axes.imshow(plane.values, cmap="gray", vmin=low, vmax=high, aspect=plane.aspect, interpolation="bilinear")
        axes.imshow(agreement_colours()[overlay.values], aspect=plane.aspect, interpolation="nearest")
        axes.set_title(name, color=ON_DARK, fontsize=11)
        axes.set_axis_off()
    figure.suptitle(f"{title}   {plane.name}", color=ON_DARK, fontsize=12, fontweight="bold", x=0.01, ha="left")
    shown = np.unique([overlay.values for overlay in overlays]).tolist()
    figure.legend(
        handles=[Patch(color=LEGEND[value][1], label=LEGEND[value][0]) for value in shown if value],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor=ON_DARK,
        fontsize=10,
    )
    return figure
