"""An image in three planes with the outlines of its structures."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from medweave.figures.edges import label_edges
from medweave.figures.planes import Plane, display_window, mask_centre, middle_voxel, orthogonal_planes
from medweave.figures.style import DARK, ON_DARK, PALETTE_ON_DARK, new_figure

WIDTH_INCHES = 10.5
MAX_HEIGHT_INCHES = 7.0
TEXT_INCHES = 0.95
HEAT_OPACITY = 0.7
#: Of the title, bold in 11 points.
LINE_INCHES, CHARACTERS_PER_INCH = 0.19, 10.5


def overlay_figure(
    image: NDArray[Any],
    label_map: NDArray[np.uint8] | None,
    *,
    spacing_mm: tuple[float, ...],
    orientation: str,
    structures: Mapping[str, int],
    title: str,
    heat: NDArray[np.float32] | None = None,
    truth: NDArray[np.uint8] | None = None,
) -> Figure:
    """Draw the planes through the middle of the structures, or of the image, with each structure outlined.

    With a heat map the planes go through its hottest voxel.

    Args:
        image: Voxels (x, y[, z]).
        label_map: Labels of the same shape, or None.
        spacing_mm: Of each axis.
        orientation: Header code of the axes, "" in 2D.
        structures: Value of each structure.
        title: Above the planes, broken into lines where it is too long.
        heat: Values from 0 to 1 of the same shape, laid over the image, or None.
        truth: True labels of the same shape, whose outlines are dashed, or None.
    """
    centre = middle_voxel(image.shape) if label_map is None else mask_centre(label_map)
    if heat is not None and heat.any():
        centre = tuple(int(index) for index in np.unravel_index(heat.argmax(), heat.shape))
    planes = orthogonal_planes(image, centre, spacing_mm=spacing_mm, orientation=orientation or None)
    widths_mm, heights_mm = zip(*(plane.extent_mm for plane in planes), strict=True)
    width_inches = WIDTH_INCHES if len(planes) > 1 else WIDTH_INCHES / 2
    height_inches = width_inches / sum(widths_mm) * max(heights_mm) + TEXT_INCHES
    lines = wrapped_lines(title, width_inches)
    height_inches = min(height_inches, MAX_HEIGHT_INCHES) + LINE_INCHES * (len(lines) - 1)
    figure = new_figure(width_inches, height_inches, background=DARK)
    # One scale for all planes: a centimetre is as long in each.
    panels = np.atleast_1d(figure.subplots(1, len(planes), width_ratios=widths_mm))
    low, high = display_window(image)
    for axes, plane in zip(panels, planes, strict=True):
        axes.imshow(plane.values, cmap="gray", vmin=low, vmax=high, aspect=plane.aspect, interpolation="bilinear")
        label_edges(axes, plane)
    if heat is not None:
        for axes, plane in zip(
            panels, orthogonal_planes(heat, centre, spacing_mm=spacing_mm, orientation=orientation or None), strict=True
        ):
            _lay_heat(axes, plane)
    for labelled, style in ((label_map, "solid"), (truth, "dashed")):
        if labelled is not None:
            labels = orthogonal_planes(labelled, centre, spacing_mm=spacing_mm, orientation=orientation or None)
            for axes, plane in zip(panels, labels, strict=True):
                _outline(axes, plane.values, structures, style=style)
    if label_map is not None:
        _add_legend(figure, structures)
    figure.suptitle("\n".join(lines), color=ON_DARK, fontsize=11, fontweight="bold", x=0.012, ha="left")
    return figure


def wrapped_lines(title: str, width_inches: float) -> list[str]:
    """Break a title into lines that fit into a width."""
    width = int(width_inches * CHARACTERS_PER_INCH)
    return [part for line in title.splitlines() for part in wrap(line, width)] or [""]


def structure_colour(position: int) -> str:
    """Return the outline colour of the structure at `position` of the schema."""
    return PALETTE_ON_DARK[position % len(PALETTE_ON_DARK)]


def _lay_heat(axes: Axes, plane: Plane) -> None:
    axes.imshow(
        plane.values,
        cmap="inferno",
        vmin=0,
        vmax=1,
        alpha=HEAT_OPACITY * np.clip(plane.values, 0, 1),
        aspect=plane.aspect,
        interpolation="bilinear",
    )


def outline(axes: Axes, mask: NDArray[np.bool_], *, colour: str, style: str) -> None:
    """Draw the outline of a mask (rows, columns), if it holds anything, and show the whole plane.

    Args:
        axes: Where the image is shown.
        mask: True inside.
        colour: Of the line.
        style: "solid" or "dashed".
    """
    rows, columns = mask.shape
    if mask.any():
        # A frame of background closes the outlines of structures that touch the border.
        framed = np.pad(mask, 1).astype(float)
        axes.contour(
            np.arange(-1, columns + 1),
            np.arange(-1, rows + 1),
            framed,
            levels=[0.5],
            colors=[colour],
            linewidths=1.4,
            linestyles=style,
        )
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)


def _outline(axes: Axes, labels: NDArray[np.uint8], structures: Mapping[str, int], *, style: str) -> None:
    for position, value in enumerate(structures.values()):
        outline(axes, labels == value, colour=structure_colour(position), style=style)


def _add_legend(figure: Figure, structures: Mapping[str, int]) -> None:
    handles = [
        Line2D([], [], color=structure_colour(position), linewidth=2, label=name)
        for position, name in enumerate(structures)
    ]
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=6, frameon=False, labelcolor=ON_DARK, fontsize=9
        )
