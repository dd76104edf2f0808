"""Signed distances to simple bodies, in millimetres: negative inside, positive outside.

Points are arrays (3, *grid); a distance has the shape of the grid. The formulas are those of Hart, "Sphere
tracing", The Visual Computer 1996;12:527, and Quilez's collection of distance functions.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


def ellipsoid(points: Array, center: Sequence[float], *, radii: Sequence[float], axis: Sequence[float] = ()) -> Array:
    """Return the distance to an ellipsoid, exact on the surface and close to it near the surface.

    Args:
        points: Positions in millimetres.
        center: Its middle.
        radii: Half its extent along x, y and z; infinity makes a cylinder.
        axis: Where given, the direction that the first radius points along.
    """
    offset = points - _column(center)
    if axis:
        offset = np.einsum("ij,j...->i...", _frame_along(axis), offset).astype(np.float32)
    scaled = offset / _column(radii)
    level = np.linalg.norm(scaled, axis=0)
    slope = np.linalg.norm(scaled / _column(radii), axis=0)
    # In the very middle level and slope both vanish; there the distance is minus the smallest radius.
    distance: Array = np.full_like(level, -min(radii))
    np.divide(level * (level - 1), slope, out=distance, where=slope > 1e-9)
    return distance


def tube(points: Array, knots: Sequence[Sequence[float]], *, radii: Sequence[float]) -> Array:
    """Return the distance to a bent tube with round ends.

    Args:
        points: Positions in millimetres.
        knots: At least two positions along its middle line.
        radii: One radius a knot; between knots it changes linearly.
    """
    parts = [
        _capsule(points, start, end, radii=(first, last))
        for (start, end), (first, last) in zip(pairwise(knots), pairwise(radii), strict=True)
    ]
    return np.asarray(np.minimum.reduce(parts))


def smooth_union(first: Array, second: Array, *, blend_mm: float) -> Array:
    """Return the distance to both bodies, their seam rounded over about `blend_mm` millimetres."""
    overlap = np.maximum(blend_mm - np.abs(first - second), 0) / blend_mm
    return np.asarray(np.minimum(first, second) - overlap**2 * blend_mm / 4, dtype=np.float32)


def _frame_along(axis: Sequence[float]) -> NDArray[np.float64]:
    """Return a rotation whose first row is the unit vector along `axis`."""
    first = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    second = np.cross(first, np.eye(3)[np.argmin(np.abs(first))])
    second /= np.linalg.norm(second)
    return np.stack([first, second, np.cross(first, second)])


def _capsule(points: Array, start: Sequence[float], end: Sequence[float], *, radii: tuple[float, float]) -> Array:
    line = _column(end) - _column(start)
    offset = points - _column(start)
    along = np.clip((offset * line).sum(axis=0) / (line**2).sum(), 0, 1)
    radius = radii[0] + (radii[1] - radii[0]) * along
    return np.asarray(np.linalg.norm(offset - along * line, axis=0) - radius, dtype=np.float32)


def _column(values: Sequence[float]) -> Array:
    return np.asarray(values, dtype=np.float32).reshape(3, 1, 1, 1)
