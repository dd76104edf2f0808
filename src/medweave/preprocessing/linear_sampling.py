"""Linear resampling between grids whose axes are parallel: one matrix for each axis.

The matrices hold the smoothing too. Their products are far cheaper than a filter and an interpolation of every voxel,
and hold no full copy of the finer volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.preprocessing.geometry import Grid, smooth_before_shrinking, to_array, to_image

#: Digits of a position in voxels that are no rounding error.
POSITION_DIGITS = 9
#: Weights below it do not count; as float32 some would be denormal numbers, which are slow.
LEAST_WEIGHT = 1e-12
#: Smoothings that are kept for the next image, which often has the same grid; a large picture's takes 40 MB.
KEPT_SMOOTHINGS = 4


@dataclass(frozen=True)
class LinearSampling:
    """What samples an array on one grid at the voxel centres of another, 0 beyond the first.

    Attributes:
        order: Axis of the source that each axis of the target is parallel to.
        matrices: (target voxels, source voxels) float32, of each axis of the target.
    """

    order: tuple[int, ...]
    matrices: tuple[NDArray[np.float32], ...]

    @classmethod
    def between(cls, source: Grid, target: Grid, *, smooth: bool = False, margin_voxels: int = 0) -> "LinearSampling":
        """Return the sampling of `source` at the voxels of `target`, whose axes are parallel to its own.

        Args:
            source: Grid of the array; its outermost values reach to the edges of its voxels.
            target: Grid of the result.
            smooth: Smooth along axes that become coarser, as `smooth_before_shrinking` does.
            margin_voxels: How much farther than the edges they reach.
        """
        axes, new_axes = (
            np.asarray(grid.direction).reshape(grid.spatial_dims, -1) * grid.spacing_mm for grid in (source, target)
        )
        start = np.linalg.solve(axes, np.subtract(target.origin_mm, source.origin_mm))
        steps = np.linalg.solve(axes, new_axes)
        order = tuple(np.abs(steps).argmax(axis=0).tolist())
        matrices = []
        for axis, along in enumerate(order):
            count = source.size_voxels[along]
            positions = start[along] + steps[along, axis] * np.arange(target.size_voxels[axis])
            matrix: NDArray[Any] = _interpolation(positions, count, margin_voxels)
            if smooth:
                matrix = matrix @ _smoothing(count, source.spacing_mm[along], target.spacing_mm[axis])
            matrices.append(np.where(np.abs(matrix) < LEAST_WEIGHT, 0, matrix).astype(np.float32))
        return cls(order, tuple(matrices))

    def __call__(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values at the target's voxels, contiguous."""
        array = array.transpose(self.order)
        for matrix in self.matrices:  # each takes the first axis and gives the last: one large product of matrices
            count, *others = array.shape
            if len(matrix) == count and (matrix.diagonal() == 1).all():
                array = np.moveaxis(array, 0, -1)
            else:
                array = (array.reshape(count, -1).T @ matrix.T).reshape(*others, len(matrix))
        return np.ascontiguousarray(array)

    def part(self, box: Sequence[slice]) -> "LinearSampling":
        """Return the sampling of a box of the target alone."""
        return LinearSampling(self.order, tuple(matrix[cut] for matrix, cut in zip(self.matrices, box, strict=True)))

    def reach(self, mask: NDArray[np.bool_]) -> tuple[slice, ...]:
        """Return the box of the target that voxels of the source in `mask` have an influence on."""
        box = []
        for along, matrix in zip(self.order, self.matrices, strict=True):
            chosen = mask.any(axis=tuple(axis for axis in range(mask.ndim) if axis != along))
            reached = np.flatnonzero(matrix[:, chosen].any(axis=1))
            box.append(slice(int(reached[0]), int(reached[-1]) + 1) if len(reached) else slice(0, 0))
        return tuple(box)


def sample_linearly(image: sitk.Image, grid: Grid) -> NDArray[np.float32]:
    """Return an image (x, y[, z]) at the voxels of a parallel grid, smoothed along the axes that this makes coarser."""
    own = Grid.of(image)
    # With the axes as they lie in memory, the first of the image's last, nothing is copied.
    sampling = LinearSampling.between(own, grid, smooth=True)
    turned = LinearSampling(
        tuple(image.GetDimension() - 1 - axis for axis in sampling.order[::-1]), sampling.matrices[::-1]
    )
    return np.ascontiguousarray(turned(sitk.GetArrayViewFromImage(image)).T)


def _interpolation(positions: NDArray[np.float64], count: int, margin_voxels: int) -> NDArray[np.float64]:
    """Return the matrix that interpolates `count` values at some positions (in voxels)."""
    positions = positions.round(POSITION_DIGITS)
    edge = 0.5 + margin_voxels
    is_inside = (positions >= -edge) & (positions < count - 1 + edge)
    held = positions.clip(0, count - 1)
    lower = held.astype(int)
    share = held - lower
    matrix = np.zeros((len(positions), count))
    rows = np.arange(len(positions))
    matrix[rows, lower] = (1 - share) * is_inside
    matrix[rows, np.minimum(lower + 1, count - 1)] += share * is_inside
    return matrix


@lru_cache(maxsize=KEPT_SMOOTHINGS)
def _smoothing(count: int, spacing_mm: float, coarser_mm: float) -> NDArray[Any]:
    """Return the matrix of `smooth_before_shrinking` along an axis: what it makes of each unit vector."""
    grid = Grid((count, count), (spacing_mm, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    return to_array(smooth_before_shrinking(to_image(np.eye(count), grid), (coarser_mm, 1.0)))
