"""Drawing pictures; what draws them is imported with the first, since matplotlib takes long."""

from importlib import import_module
from pathlib import Path
from typing import Any

import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.preprocessing.geometry import Grid, to_array

OVERLAY, PAGE = "medweave.figures.overlay", "medweave.figures.page"


def draw_overlay(path: Path, image: sitk.Image, label_map: NDArray[Any] | None, **details: Any) -> Path:
    """Write a picture of an image.

    Args:
        path: The PNG file.
        image: The image.
        label_map: Labels (x, y[, z]) on its grid, or None.
        details: `structures`, `title` and perhaps `heat` of `figures.overlay.overlay_figure`.
    """
    grid = Grid.of(image)
    figure = import_module(OVERLAY).overlay_figure(
        to_array(image), label_map, spacing_mm=grid.spacing_mm, orientation=grid.orientation, **details
    )
    import_module(PAGE).save_figure(figure, path)
    return path
