"""A plane with its structures as coloured glass over it, as pixels."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from medweave.figures.overlay import structure_colour
from medweave.figures.planes import Plane

#: Smaller planes are enlarged, so that a browser need not smooth them.
MIN_WIDTH = 480


def blended_plane(
    plane: Plane,
    labels: NDArray[np.uint8] | None,
    *,
    window: tuple[float, float],
    structures: Mapping[str, int],
    opacity: float,
) -> NDArray[np.uint8]:
    """Return the pixels (rows, columns, 3) of a plane, square in millimetres.

    Args:
        plane: Of the image.
        labels: The same plane of the label map, or None.
        window: Intensities shown as black and white.
        structures: Value of each structure.
        opacity: Of the structures, 0 to 1.
    """
    low, high = window
    grey = np.clip((np.nan_to_num(plane.values) - low) / (high - low), 0, 1)
    pixels: NDArray[Any] = np.repeat(grey[..., None], 3, axis=-1)
    if labels is not None:
        for position, value in enumerate(structures.values()):
            inside = labels == value
            colour = np.array(to_rgb(structure_colour(position)))
            pixels[inside] = (1 - opacity) * pixels[inside] + opacity * colour
    image = Image.fromarray(np.rint(255 * pixels).astype(np.uint8))
    return np.asarray(image.resize(_size(plane), Image.Resampling.BILINEAR))


def _size(plane: Plane) -> tuple[int, int]:
    """Return a width and height in the proportions of the plane in millimetres that lose no pixel."""
    rows, columns = plane.values.shape
    width_mm, height_mm = plane.extent_mm
    pixels_per_mm = max(columns / width_mm, rows / height_mm, MIN_WIDTH / width_mm)
    return max(round(width_mm * pixels_per_mm), 1), max(round(height_mm * pixels_per_mm), 1)
