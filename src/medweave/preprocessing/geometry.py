"""Voxel grids in patient space, and the resampling between them.

Arrays are indexed (x, y[, z]) like spacings and sizes, the transpose of SimpleITK's view.
Positions are in millimetres in the LPS frame (SimpleITK's, DICOM's).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grid:
    """A regular voxel grid.

    Attributes:
        size_voxels: Voxels along each axis.
        spacing_mm: Distance of voxel centres along each axis.
        origin_mm: Position of the first voxel's centre.
        direction: Row-major direction cosines, the columns being the axes.
    """

    size_voxels: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    origin_mm: tuple[float, ...]
    direction: tuple[float, ...]

    @classmethod
    def of(cls, image: sitk.Image) -> "Grid":
        """Return the grid of a SimpleITK image."""
        return cls(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())

    @property
    def spatial_dims(self) -> int:
        """Number of axes, 2 or 3."""
        return len(self.size_voxels)

    @property
    def orientation(self) -> str:
        """Letters that the axes run towards ("LPS"); "" in 2D."""
        if self.spatial_dims != 3:
            return ""
        return str(sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(self.direction))

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of a voxel in millilitres; in 2D the area in square centimetres."""
        return float(np.prod([spacing / 10 for spacing in self.spacing_mm]))

    @property
    def volume_unit(self) -> str:
        """Unit of `voxel_volume_ml`."""
        return "mL" if self.spatial_dims == 3 else "cm²"

    @property
    def diagonal_mm(self) -> float:
        """Length of the diagonal from the first to the last voxel's far corners: the largest distance possible."""
        extent = np.multiply(self.size_voxels, self.spacing_mm)
        return float(np.linalg.norm(extent))

    def difference(self, other: "Grid") -> str | None:
        """Say in words how the two grids differ, or return None.

        Ignored are differences up to a thousandth of a voxel in spacing and of the unit in direction, and up to a
        hundredth of a voxel in origin, as rounding of headers leaves them.
        """
        if self.size_voxels != other.size_voxels:
            return f"size {self.size_voxels} and {other.size_voxels} voxels"
        scale = min(self.spacing_mm)
        if not np.allclose(self.spacing_mm, other.spacing_mm, rtol=0, atol=1e-3 * scale):
            return f"spacing {_rounded(self.spacing_mm)} and {_rounded(other.spacing_mm)} mm"
        if not np.allclose(self.direction, other.direction, rtol=0, atol=1e-3):
            return f"direction {_rounded(self.direction)} and {_rounded(other.direction)}"
        if not np.allclose(self.origin_mm, other.origin_mm, rtol=0, atol=1e-2 * scale):
            return f"origin {_rounded(self.origin_mm)} and {_rounded(other.origin_mm)} mm"
        return None

    def has_axes_of(self, other: "Grid") -> bool:
        """Tell whether the axes have the other's directions and spacings, in any order and either way."""
        own, others = (
            np.asarray(grid.direction).reshape(grid.spatial_dims, -1) * grid.spacing_mm for grid in (self, other)
        )
        steps = np.abs(np.linalg.solve(others, own))
        return bool(np.allclose(steps, steps > 0.5, rtol=0, atol=1e-3))

    def to_vector(self) -> NDArray[np.float64]:
        """Return the grid as one vector: size, spacing, origin, direction."""
        return np.concatenate([self.size_voxels, self.spacing_mm, self.origin_mm, self.direction])

    @classmethod
    def from_vector(cls, vector: NDArray[np.float64]) -> "Grid":
        """Build the grid that `to_vector` described."""
        axes = 2 if len(vector) == 10 else 3
        size, spacing, origin, direction = np.split(vector, [axes, 2 * axes, 3 * axes])
        return cls(
            tuple(int(count) for count in size),
            tuple(spacing.tolist()),
            tuple(origin.tolist()),
            tuple(direction.tolist()),
        )


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(float(value), 4) for value in values)


def to_array(image: sitk.Image) -> NDArray[Any]:
    """Return the voxels of a scalar image as an array indexed (x, y[, z]), sharing no memory with it."""
    return np.array(sitk.GetArrayViewFromImage(image).T, order="C")


def to_image(array: NDArray[Any], grid: Grid) -> sitk.Image:
    """Return a SimpleITK image of an array indexed (x, y[, z]) on `grid`."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.SetSpacing(grid.spacing_mm)
    image.SetOrigin(grid.origin_mm)
    image.SetDirection(grid.direction)
    return image


def resample(image: sitk.Image, grid: Grid, *, interpolator: int, outside: float = 0.0) -> sitk.Image:
    """Sample `image` at the voxel centres of `grid`; `outside` fills what lies beyond the image."""
    return sitk.Resample(
        image,
        grid.size_voxels,
        sitk.Transform(),
        interpolator,
        grid.origin_mm,
        grid.spacing_mm,
        grid.direction,
        outside,
        image.GetPixelID(),
    )


def respaced_grid(grid: Grid, spacing_mm: Sequence[float]) -> Grid:
    """Return the grid of the same extent (voxel edges, not centres) with another spacing."""
    old_spacing, size = np.asarray(grid.spacing_mm), np.asarray(grid.size_voxels)
    new_spacing = np.asarray(spacing_mm, dtype=float)
    new_size = np.maximum(np.rint(size * old_spacing / new_spacing), 1).astype(int)
    direction = np.asarray(grid.direction).reshape(grid.spatial_dims, grid.spatial_dims)
    # The outer edge of the first voxel stays where it is, up to the rounding of the size, shared by both ends.
    shift = (size * old_spacing - new_size * new_spacing) / 2 + (new_spacing - old_spacing) / 2
    origin = np.asarray(grid.origin_mm) + direction @ shift
    return Grid(tuple(new_size.tolist()), tuple(new_spacing.tolist()), tuple(origin.tolist()), grid.direction)


def smooth_before_shrinking(image: sitk.Image, spacing_mm: Sequence[float]) -> sitk.Image:
    """Blur along the axes that `spacing_mm` makes coarser, so that resampling does not alias.

    The Gaussian's sigma is (factor - 1) / 2 voxels of the image for a coarsening by `factor`.
    """
    sigma_voxels = (np.asarray(spacing_mm) / np.asarray(image.GetSpacing()) - 1) / 2
    for axis, sigma in enumerate(sigma_voxels):
        if sigma > 0.05 and image.GetSize()[axis] >= 4:  # SimpleITK's recursive filter needs four samples
            image = sitk.RecursiveGaussian(image, sigma * image.GetSpacing()[axis], direction=axis)
    return image


def crop_or_pad_grid(grid: Grid, *, start: Sequence[int], size: Sequence[int]) -> Grid:
    """Return the part of the grid that begins at voxel `start` (negative: before it) and has `size` voxels."""
    direction = np.asarray(grid.direction).reshape(grid.spatial_dims, grid.spatial_dims)
    origin = np.asarray(grid.origin_mm) + direction @ (np.asarray(start) * np.asarray(grid.spacing_mm))
    return Grid(tuple(int(count) for count in size), grid.spacing_mm, tuple(origin.tolist()), grid.direction)
