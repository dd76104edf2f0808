"""Many cases at a glance: prediction over truth, a plane of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from medweave.figures.comparison import LEGEND, agreement, agreement_colours
from medweave.figures.planes import Plane, display_window, mask_centre, orthogonal_planes
from medweave.figures.style import DARK, ON_DARK, new_figure
from medweave.preprocessing.geometry import Grid

MAX_TILES = 16


@dataclass(frozen=True)
class Tile:
    """A case in the mosaic.

    Attributes:
        image: Plane of the image.
        classes: The same plane of what prediction and truth agree on.
        window: Intensities shown as black and white.
        title: Above the tile.
    """

    image: Plane
    classes: Plane
    window: tuple[float, float]
    title: str


def tile_of(
    image: NDArray[Any], predicted: NDArray[np.uint8], truth: NDArray[np.uint8], *, grid: Grid, title: str
) -> Tile:
    """Cut the plane that shows most of the truth, across the last axis of a volume.

    Args:
        image: Voxels (x, y[, z]).
        predicted: Label map of the same shape.
        truth: Label map of the same shape.
        grid: The grid of all three.
        title: Above the tile.
    """
    centre = mask_centre(truth if truth.any() else predicted)
    plane, classes = (
        orthogonal_planes(array, centre, spacing_mm=grid.spacing_mm, orientation=grid.orientation)[0]
        for array in (image, agreement(predicted, truth))
    )
    return Tile(plane, classes, display_window(image), title)


def mosaic_figure(tiles: Sequence[Tile], *, title: str) -> Figure:
    """Draw up to 16 tiles: green truth only, red prediction only, yellow both.

    Args:
        tiles: At least one.
        title: Above all.
    """
    shown = tiles[:MAX_TILES]
    columns = ceil(sqrt(len(shown)))
    figure = new_figure(16.0, 12.0, background=DARK)
    panels = np.atleast_1d(figure.subplots(ceil(len(shown) / columns), columns)).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, tile in zip(panels, shown, strict=False):
        axes.imshow(tile.image.values, cmap="gray", vmin=tile.window[0], vmax=tile.window[1], aspect=tile.image.aspect)
        axes.imshow(agreement_colours()[tile.classes.values], aspect=tile.image.aspect, interpolation="nearest")
        axes.set_title(tile.title, color=ON_DARK, fontsize=12)
    figure.suptitle(title, color=ON_DARK, fontsize=16, fontweight="bold", x=0.01, ha="left")
    found = {value for tile in shown for value in np.unique(tile.classes.values).tolist() if value}
    figure.legend(
        handles=[Patch(color=LEGEND[value][1], label=LEGEND[value][0]) for value in sorted(found)],
        loc="outside lower center",
        ncols=4,
        frameon=False,
        labelcolor=ON_DARK,
        fontsize=13,
    )
    return figure
