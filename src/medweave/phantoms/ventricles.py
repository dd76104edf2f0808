"""The outlines of both ventricles, filled and emptied.

An outline is given in polar coordinates about the long axis of the left ventricle, slice by slice: its cavity is half
an ellipsoid, its wall lies between two ellipsoids, and the right ventricle is a crescent on the wall's septal side.
Radii are solved on the slices that are imaged, so volumes measured on the label maps are those of the subject.
"""

from dataclasses import dataclass

import numpy as np

from medweave.phantoms.physiology import ANGLES, Floats, Heart

#: Length of the right ventricle as a share of the left one's.
RIGHT_LENGTH = 0.88
#: Thickness of the wall at the apex as a share of that at the base.
APICAL_WALL = 0.7
#: By how much the long axis shortens when everything is ejected.
SHORTENING = 0.28


@dataclass(frozen=True)
class LongAxis:
    """The long axis of the left ventricle at one moment of the beat; the apex stays where it is.

    Attributes:
        base_mm: How far the base has come down since end-diastole.
        cavity_mm: Length of the cavity.
        wall_mm: From the base to the outside of the apex.
    """

    base_mm: float
    cavity_mm: float
    wall_mm: float

    def cavity_taper(self, along_mm: Floats) -> Floats:
        """Return the cavity's radius over that at the base, at distances from the end-diastolic base."""
        return _half_ellipsoid((along_mm - self.base_mm) / self.cavity_mm)

    def wall_taper(self, along_mm: Floats) -> Floats:
        """Return the wall's outer radius over that at the base."""
        return _half_ellipsoid((along_mm - self.base_mm) / self.wall_mm)

    def right_taper(self, along_mm: Floats) -> Floats:
        """Return the right ventricle's width over that at the base."""
        return _half_ellipsoid((along_mm - self.base_mm) / (RIGHT_LENGTH * self.cavity_mm))


@dataclass(frozen=True)
class Ventricles:
    """Both ventricles at one moment of the beat; lengths at the base, by angle.

    Attributes:
        axis: The long axis.
        cavity_mm: Radius of the left cavity.
        wall_mm: Outer radius of its wall.
        right_mm: Width of the right cavity, outside that wall.
    """

    axis: LongAxis
    cavity_mm: Floats
    wall_mm: Floats
    right_mm: Floats


@dataclass(frozen=True)
class _Slices:
    """The imaged slices, on which volumes are sums."""

    middles_mm: Floats
    thickness_mm: float

    def mean_square_mm2(self, axis: LongAxis, volume_ml: float) -> float:
        """Return the mean over angles of the squared radius of a cavity of that volume."""
        taper = axis.cavity_taper(self._below(axis))
        return float(volume_ml * 1000 / (np.pi * self.thickness_mm * np.sum(taper**2)))

    def crescent_mm(self, axis: LongAxis, wall_mm: Floats, *, crescent: Floats, volume_ml: float) -> Floats:
        """Return the width by angle of a right ventricle of that volume.

        A sector of width t outside radius R has the area (R t + t² / 2) dθ, so the volume is quadratic in the width.
        """
        below = self._below(axis)
        radius, width = np.outer(axis.wall_taper(below), wall_mm), np.outer(axis.right_taper(below), crescent)
        sector = self.thickness_mm * 2 * np.pi / len(ANGLES)
        linear, square = sector * np.sum(radius * width), sector * np.sum(width**2) / 2
        largest = (np.sqrt(linear**2 + 4 * square * volume_ml * 1000) - linear) / (2 * square)
        return np.asarray(largest * crescent)

    def _below(self, axis: LongAxis) -> Floats:
        return self.middles_mm[self.middles_mm >= axis.base_mm]


def apex_mm(heart: Heart) -> float:
    """Return the distance from the base to the outside of the apex at end-diastole."""
    return heart.length_mm + APICAL_WALL * float(np.median(heart.wall_mm))


def filled_and_emptied(heart: Heart, slices_mm: Floats, *, slice_thickness_mm: float) -> tuple[Ventricles, Ventricles]:
    """Return the ventricles at end-diastole and at end-systole.

    Args:
        heart: The subject's physiology.
        slices_mm: Middles of the slices, from the base at end-diastole towards the apex.
        slice_thickness_mm: Their distance.
    """
    slices = _Slices(slices_mm, slice_thickness_mm)
    left_share, right_share = 1 - heart.left_ejection_percent / 100, 1 - heart.right_ejection_percent / 100
    descent_mm = SHORTENING * (1 - left_share) * heart.length_mm
    filled = LongAxis(0, heart.length_mm, apex_mm(heart))
    emptied = LongAxis(descent_mm, heart.length_mm - descent_mm, apex_mm(heart) - descent_mm)

    mean_square = slices.mean_square_mm2(filled, heart.left_end_diastolic_ml)
    cavity = heart.outline * np.sqrt(mean_square / np.mean(heart.outline**2))
    wall = cavity + heart.wall_mm
    mean_square = slices.mean_square_mm2(emptied, left_share * heart.left_end_diastolic_ml)
    contracted = _contracted(cavity, heart.motility, mean_square)
    muscle = wall**2 * filled.wall_mm - cavity**2 * filled.cavity_mm
    thickened = np.sqrt((contracted**2 * emptied.cavity_mm + muscle) / emptied.wall_mm)
    # Muscle keeps its volume; where it stands still, its outside keeps its place.
    motile = np.clip(heart.motility, 0, 1)
    end_systolic_wall = motile * thickened + (1 - motile) * wall

    def right_mm(axis: LongAxis, wall_mm: Floats, share: float) -> Floats:
        volume_ml = share * heart.right_end_diastolic_ml
        return slices.crescent_mm(axis, wall_mm, crescent=heart.crescent, volume_ml=volume_ml)

    return (
        Ventricles(filled, cavity, wall, right_mm(filled, wall, 1)),
        Ventricles(emptied, contracted, end_systolic_wall, right_mm(emptied, end_systolic_wall, right_share)),
    )


def _contracted(cavity: Floats, motility: Floats, mean_square: float) -> Floats:
    """Move an outline inwards, by angle as motile as it is, until its mean square is the one given."""
    square, linear = np.mean((cavity * motility) ** 2), np.mean(cavity**2 * motility)
    excess = np.mean(cavity**2) - mean_square
    motion = (linear - np.sqrt(linear**2 - square * excess)) / square
    return np.asarray(cavity * (1 - motion * motility))


def _half_ellipsoid(along: Floats) -> Floats:
    return np.asarray(np.sqrt(np.clip(1 - np.clip(along, 0, None) ** 2, 0, None)))
