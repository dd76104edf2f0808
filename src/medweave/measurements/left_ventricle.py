"""Wall thickness and cavity radius of the left ventricle by slice and sector of a short-axis stack."""

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

#: Sectors of a slice, as the AHA divides its basal and middle slices (Cerqueira et al., Circulation 2002).
SECTORS = 6

#: Share of the slices with a cavity that is left out at either end, at least one slice: there the outflow tract opens
#: the wall, or the slice cuts the apex at a slant (Zheng et al., MedIA 2019).
SHARE_LEFT_OUT = 0.2

#: Share of the cavity's border that may lie open, without a wall, in a slice that is measured.
OPEN_SHARE = 0.1

#: What lies between the centre of a voxel at the cavity's border and that border, in voxels along the way outwards.
INSIDE_VOXELS = 0.5

#: What lies between the wall's outer border and the nearest of the voxel centres beyond it. It is less than one half,
#: being the nearest of several; the value is the mean over drawn rings of the heart's sizes and resolutions.
OUTSIDE_VOXELS = 0.3


@dataclass(frozen=True)
class Sectors:
    """Means over the sectors of each slice; NaN where the slice is left out or the sector has no wall.

    Attributes:
        thickness_mm: Of the wall, (slices, SECTORS).
        radius_mm: From the centre of the ventricle to the inner border of the wall, (slices, SECTORS).
    """

    thickness_mm: NDArray[np.float64]
    radius_mm: NDArray[np.float64]


def septal_direction(
    cavity: NDArray[np.bool_], right_cavity: NDArray[np.bool_], *, spacing_mm: tuple[float, ...]
) -> float:
    """Return the in-plane angle from the left ventricle's cavity (x, y, slices) to the right one's, in radians.

    Without one of the two it is 0: the sectors are then counted from the first axis.
    """
    if not (cavity.any() and right_cavity.any()):
        return 0.0
    x, y = (np.argwhere(right_cavity).mean(axis=0) - np.argwhere(cavity).mean(axis=0))[:2] * np.asarray(spacing_mm[:2])
    return float(np.arctan2(y, x))


def measure_sectors(
    cavity: NDArray[np.bool_], wall: NDArray[np.bool_], *, spacing_mm: tuple[float, ...], direction: float
) -> Sectors:
    """Measure the left ventricle's wall in the short-axis plane.

    The thickness at a point of the cavity's border is its distance to the nearest point outside the epicardium, by
    Euclidean distance transform, as Khened et al. (MedIA 2019) take it between the two contours.

    Args:
        cavity: Blood of the left ventricle, (x, y, slices).
        wall: Its myocardium, of the same shape.
        spacing_mm: Of the three axes.
        direction: Angle that the first sector is centred on, in radians.
    """
    values = np.full((2, cavity.shape[2], SECTORS), np.nan)
    for position in _middle_slices(cavity):
        values[:, position] = _measure_slice(
            cavity[..., position], wall[..., position], spacing_mm=np.asarray(spacing_mm[:2]), direction=direction
        )
    return Sectors(*values)


def _middle_slices(cavity: NDArray[np.bool_]) -> NDArray[np.intp]:
    filled = np.flatnonzero(cavity.any(axis=(0, 1)))
    left_out = max(1, round(SHARE_LEFT_OUT * len(filled)))
    return filled[left_out:-left_out]


def _measure_slice(
    cavity: NDArray[np.bool_], wall: NDArray[np.bool_], *, spacing_mm: NDArray[np.float64], direction: float
) -> NDArray[np.float64]:
    """Return thickness and radius of a slice, (2, SECTORS)."""
    cavity, wall = np.pad(cavity, 1), np.pad(wall, 1)
    inside = cavity | wall
    border = cavity & ~scipy.ndimage.binary_erosion(cavity)
    is_open = border & scipy.ndimage.binary_dilation(~inside)
    values = np.full((2, SECTORS), np.nan)
    if is_open.sum() > OPEN_SHARE * border.sum():
        return values
    points = np.argwhere(border & ~is_open)
    nearest = scipy.ndimage.distance_transform_edt(
        inside, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    way = (nearest[:, *points.T].T - points) * spacing_mm
    length = np.linalg.norm(way, axis=1)
    voxel = np.max(np.abs(way) * spacing_mm, axis=1) / length
    spokes = (points - np.argwhere(inside).mean(axis=0)) * spacing_mm
    turns = (np.arctan2(spokes[:, 1], spokes[:, 0]) - direction) / (2 * np.pi)
    sectors = np.floor(turns * SECTORS + 0.5).astype(int) % SECTORS
    for sector in np.unique(sectors):
        chosen = sectors == sector
        values[0, sector] = (length - (INSIDE_VOXELS + OUTSIDE_VOXELS) * voxel)[chosen].mean()
        values[1, sector] = (np.linalg.norm(spokes, axis=1) + INSIDE_VOXELS * voxel)[chosen].mean()
    return values
