"""Distances between the surfaces of two masks, in millimetres.

A surface voxel is a mask voxel with a face on the outside of the mask; the border of the image is outside. A volume of
one slice is measured as the 2D image that it is: across it, every voxel would be surface.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree


@dataclass(frozen=True)
class SurfaceDistances:
    """Distance of every surface voxel of two masks, neither empty, to the nearest one of the other mask.

    Attributes:
        to_truth_mm: One for each surface voxel of the prediction.
        to_predicted_mm: One for each surface voxel of the truth.
    """

    to_truth_mm: NDArray[np.float64]
    to_predicted_mm: NDArray[np.float64]

    @property
    def all_mm(self) -> NDArray[np.float64]:
        """Both directions together."""
        return np.concatenate([self.to_truth_mm, self.to_predicted_mm])


def surface_voxels(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the voxels of a mask that have a face on its outside."""
    inside: NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inside


def surface_distances(
    predicted: NDArray[np.bool_], truth: NDArray[np.bool_], *, spacing_mm: Sequence[float]
) -> SurfaceDistances:
    """Measure the distances between the surfaces of two masks, exactly.

    A k-d tree over the surface voxels gives what a Euclidean distance transform gives, without a volume of floats: one
    far outlier makes the transform dozens of times slower and does nothing to the tree.

    Args:
        predicted: Not empty.
        truth: Not empty, of the same shape.
        spacing_mm: Voxel spacing along each axis.
    """
    thin = tuple(axis for axis, size in enumerate(truth.shape) if size == 1)[: truth.ndim - 1]
    steps_mm = np.delete(np.asarray(spacing_mm, dtype=np.float64), thin)
    predicted_mm, truth_mm = (
        _surface_points_mm(mask.squeeze(thin), spacing_mm=steps_mm) for mask in (predicted, truth)
    )
    return SurfaceDistances(
        to_truth_mm=np.asarray(KDTree(truth_mm).query(predicted_mm)[0]),
        to_predicted_mm=np.asarray(KDTree(predicted_mm).query(truth_mm)[0]),
    )


def hausdorff_mm(distances: SurfaceDistances, *, percentile: float = 95) -> float:
    """Return the larger of the two directed percentiles (Huttenlocher et al. 1993; taken as MONAI does)."""
    return float(
        max(np.percentile(distances.to_truth_mm, percentile), np.percentile(distances.to_predicted_mm, percentile))
    )


def average_distance_mm(distances: SurfaceDistances) -> float:
    """Return the average symmetric surface distance, over the voxels of both surfaces (Heimann et al. 2009)."""
    return float(distances.all_mm.mean())


def normalised_surface_dice(distances: SurfaceDistances, *, tolerance_mm: float) -> float:
    """Return the part of both surfaces that lies within a tolerance of the other (Nikolov et al. 2018, by voxels).

    Args:
        distances: Between the two surfaces.
        tolerance_mm: Distance that still counts as agreement.
    """
    rounding_mm = 1e-6  # five voxels of 0.4 mm are 2 mm, whatever their floating-point positions say
    return float(np.mean(distances.all_mm <= tolerance_mm + rounding_mm))


def _surface_points_mm(mask: NDArray[np.bool_], *, spacing_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the positions of the surface voxels, eroding no more than the box that holds the mask."""
    (box,) = ndimage.find_objects(mask.view(np.uint8))
    voxels = np.argwhere(surface_voxels(mask[box])) + [part.start for part in box]
    return np.asarray(voxels * spacing_mm, dtype=np.float64)
