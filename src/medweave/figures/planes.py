"""Orthogonal planes of a volume, turned as radiologists look at them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Where the rows of a plane should run (downwards) and its columns (to the right), by header code.
DOWNWARDS_OR_RIGHTWARDS = "LPI"
#: The axis nearer to the head is drawn upright, then the one from front to back.
UPRIGHT = ("SI", "AP", "LR")
OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "S": "I", "I": "S"}
AXIS_NAMES = "xyz"


@dataclass(frozen=True)
class Plane:
    """A plane through a volume, to be shown with the first row on top.

    Attributes:
        values: (rows, columns).
        extent_mm: Width and height of the whole plane.
        normal_axis: Axis of the array that the plane cuts, or None for a 2D image.
        index: Voxel position along that axis; 0 for a 2D image.
        column_axis: Axis of the array along a row, from left to right.
        row_axis: Axis of the array along a column, from top to bottom.
        right: Header code of the right edge, "" where unknown.
        bottom: Header code of the bottom edge, "" where unknown.
    """

    values: NDArray[Any]
    extent_mm: tuple[float, float]
    normal_axis: int | None
    index: int
    column_axis: int
    row_axis: int
    right: str
    bottom: str

    @property
    def aspect(self) -> float:
        """Height of a voxel divided by its width: matplotlib's `imshow(aspect=...)`."""
        rows, columns = self.values.shape
        width_mm, height_mm = self.extent_mm
        return float((height_mm / rows) / (width_mm / columns))

    @property
    def left(self) -> str:
        """Header code of the left edge."""
        return OPPOSITE.get(self.right, "")

    @property
    def top(self) -> str:
        """Header code of the top edge."""
        return OPPOSITE.get(self.bottom, "")

    @property
    def name(self) -> str:
        """The cut in words: "axis z = 40"."""
        return "" if self.normal_axis is None else f"axis {AXIS_NAMES[self.normal_axis]} = {self.index}"


def orthogonal_planes(
    array: NDArray[Any],
    centre_voxels: Sequence[int],
    *,
    spacing_mm: Sequence[float],
    orientation: str | None = None,
) -> list[Plane]:
    """Cut a volume along its three axes, last axis first; a 2D image is its own only plane.

    A label map and its image are cut alike when they are given the same arguments.

    Args:
        array: Voxels (x, y[, z]).
        centre_voxels: Voxel that the planes go through.
        spacing_mm: Of each axis.
        orientation: Three letters that the axes run towards according to the header ("LPS"); planes are then flipped
            so that the head or the front is on top and the patient's left on the right. None keeps the axes: columns
            to the right and rows downwards.
    """
    if array.ndim == 2:
        return [_plane(array, (0, 1), cut=(None, 0), spacing_mm=spacing_mm, orientation=None)]
    planes = []
    for normal in (2, 1, 0):
        first, second = (axis for axis in range(3) if axis != normal)
        axes = (first, second)
        if orientation and _uprightness(orientation[first]) < _uprightness(orientation[second]):
            axes = (second, first)
        values = array.take(centre_voxels[normal], axis=normal)
        if axes != (first, second):
            values = values.T
        cut = (normal, int(centre_voxels[normal]))
        planes.append(_plane(values, axes, cut=cut, spacing_mm=spacing_mm, orientation=orientation))
    return planes


def plane_across(
    array: NDArray[Any], axis: int, index: int, *, spacing_mm: Sequence[float], orientation: str | None = None
) -> Plane:
    """Cut a volume across one axis; a 2D image is its own plane, whatever the axis and the index.

    Args:
        array: Voxels (x, y[, z]).
        axis: Of the array, the one that the plane cuts.
        index: Voxel position along it.
        spacing_mm: Of each axis.
        orientation: As for `orthogonal_planes`.
    """
    centre = list(middle_voxel(array.shape))
    if array.ndim == 3:
        centre[axis] = index
    planes = orthogonal_planes(array, centre, spacing_mm=spacing_mm, orientation=orientation)
    return planes[2 - axis] if array.ndim == 3 else planes[0]


def middle_voxel(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the voxel in the middle of a volume."""
    return tuple(size // 2 for size in shape)


def mask_centre(mask: NDArray[Any]) -> tuple[int, ...]:
    """Return a foreground voxel in the middle of a mask, so that every plane through it shows the mask.

    It is the foreground voxel nearest to the centre of mass of the slice (along the last axis of a 3D mask) with the
    most foreground. An empty mask gives the middle of the volume.

    Args:
        mask: (x, y[, z]), foreground where not zero.
    """
    foreground = mask != 0
    if not foreground.any():
        return middle_voxel(mask.shape)
    last: tuple[int, ...] = ()
    if mask.ndim == 3:
        last = (int(foreground.sum(axis=(0, 1)).argmax()),)
        foreground = foreground[..., last[0]]
    voxels = np.argwhere(foreground)
    nearest = np.square(voxels - voxels.mean(axis=0)).sum(axis=1).argmin()
    return (*(int(position) for position in voxels[nearest]), *last)


def display_window(array: NDArray[Any]) -> tuple[float, float]:
    """Return the intensities to show as black and white: the 1st and 99th percentile of the finite values."""
    values = array[np.isfinite(array)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, [1, 99]))
    return (low, high) if high > low else (low, low + 1.0)


def _uprightness(code: str) -> int:
    return next(rank for rank, pair in enumerate(UPRIGHT) if code in pair)


def _plane(
    values: NDArray[Any],
    axes: tuple[int, int],
    *,
    cut: tuple[int | None, int],
    spacing_mm: Sequence[float],
    orientation: str | None,
) -> Plane:
    """Build a plane of `values` (columns, rows), flipping the axes that run up or to the left."""
    codes = []
    for dimension, axis in enumerate(axes):
        code = orientation[axis] if orientation else ""
        if code and code not in DOWNWARDS_OR_RIGHTWARDS:
            values, code = np.flip(values, axis=dimension), OPPOSITE[code]
        codes.append(code)
    width_mm, height_mm = (float(count * spacing_mm[axis]) for count, axis in zip(values.shape, axes, strict=True))
    return Plane(values.T, (width_mm, height_mm), *cut, axes[0], axes[1], right=codes[0], bottom=codes[1])
