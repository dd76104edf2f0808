"""Edges by Canny's method, as OpenCV finds them with its defaults."""

import numpy as np
import scipy
from numpy.typing import NDArray

#: Tangents of the angles between the four directions that a gradient is rounded to.
TANGENT_22, TANGENT_67 = np.tan(np.pi / 8), np.tan(3 * np.pi / 8)


def canny_edges(image: NDArray[np.floating], *, low: float, high: float) -> NDArray[np.bool_]:
    """Return the edges of a picture (Canny, IEEE PAMI 1986; OpenCV's `Canny`: 3 x 3 Sobel, |dx| + |dy|, no blur).

    Args:
        image: Grey values (rows, columns).
        low: Least gradient of a pixel of an edge.
        high: Least gradient of one pixel at least of each edge.
    """
    values = image.astype(np.float32)
    across, down = (scipy.ndimage.sobel(values, axis=axis, mode="nearest") for axis in (1, 0))
    strength = np.abs(across) + np.abs(down)
    is_thin = _is_ridge(strength, across, down)
    candidates = is_thin & (strength > low)
    parts, _ = scipy.ndimage.label(candidates, np.ones((3, 3)))
    strong = np.unique(parts[candidates & (strength > high)])
    edges: NDArray[np.bool_] = np.isin(parts, strong[strong > 0])
    return edges


def _is_ridge(
    strength: NDArray[np.float32], across: NDArray[np.float32], down: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Tell which pixels have the largest gradient along its direction; of two equal neighbours the first."""
    framed = np.pad(strength, 1)
    rows, columns = strength.shape

    def neighbour(row: int, column: int) -> NDArray[np.float32]:
        return framed[1 + row : 1 + row + rows, 1 + column : 1 + column + columns]

    horizontal = (strength > neighbour(0, -1)) & (strength >= neighbour(0, 1))
    vertical = (strength > neighbour(-1, 0)) & (strength >= neighbour(1, 0))
    falling = (strength > neighbour(-1, -1)) & (strength > neighbour(1, 1))
    rising = (strength > neighbour(-1, 1)) & (strength > neighbour(1, -1))
    steepness = np.abs(down)
    diagonal = np.where(across * down > 0, falling, rising)
    ridge: NDArray[np.bool_] = np.where(
        steepness < TANGENT_22 * np.abs(across),
        horizontal,
        np.where(steepness > TANGENT_67 * np.abs(across), vertical, diagonal),
    )
    return ridge
