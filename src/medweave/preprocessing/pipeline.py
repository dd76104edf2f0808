"""The Preprocessor: from the images of one input to one array, and predictions back to the input's own grid."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import (
    Grid,
    crop_or_pad_grid,
    resample,
    respaced_grid,
    smooth_before_shrinking,
    to_array,
    to_image,
)
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.linear_sampling import LinearSampling, sample_linearly


@dataclass(frozen=True, kw_only=True)
class ForegroundCrop:
    """Crop to the box of voxels brighter than a threshold in any channel, before normalisation.

    Attributes:
        above: Threshold in the image's own intensity units.
        margin_voxels: Kept around the box.
    """

    above: float = 0.0
    margin_voxels: int = 0


@dataclass(frozen=True)
class Preprocessed:
    """What the Preprocessor makes of one input of one case.

    Attributes:
        image: (C, x, y[, z]) float32, normalised.
        grid: Grid of `image`.
        native_grid: Grid of the first image as it was read.
    """

    image: NDArray[np.float32]
    grid: Grid
    native_grid: Grid


@dataclass(frozen=True, kw_only=True)
class Preprocessor:
    """The deterministic path from image to array and back, the same object in training, prediction and export.

    The order is: orient, resample, crop to the foreground, crop or pad to a size, normalise. What is done to the grid
    is undone by sampling at the voxel centres of the native grid, which is exact for reorientation, crops and pads.

    Attributes:
        spatial_dims: 2 or 3.
        orientation: Three letters the axes run towards ("LPS"), or None to keep the file's axes. Ignored in 2D.
        spacing_mm: Spacing to resample to, in the oriented axes' order, or None to keep the image's.
        resize_voxels: Size that the whole field of view is resampled to, whatever its spacing and proportions, or None;
            excludes `spacing_mm`.
        interpolation: For images. Label maps are resampled as `label_resampling` says.
        label_resampling: "nearest", or "majority": each label's share of a voxel, the largest wins.
        crop: Foreground crop, or None.
        size_voxels: Size to crop or pad to about the centre, or None.
        intensity: Normalisation of each channel.
    """

    spatial_dims: int = 3
    orientation: str | None = None
    spacing_mm: tuple[float, ...] | None = None
    resize_voxels: tuple[int, ...] | None = None
    interpolation: Literal["linear", "cubic"] = "linear"
    label_resampling: Literal["nearest", "majority"] = "nearest"
    crop: ForegroundCrop | None = None
    size_voxels: tuple[int, ...] | None = None
    intensity: IntensityNormalisation = field(default_factory=IntensityNormalisation)

    def to_json(self) -> dict[str, Any]:
        """Return the whole description as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Preprocessor":
        """Build the preprocessor that `to_json` described."""
        crop, intensity = content["crop"], content["intensity"]
        lists = {
            name: tuple(content[name]) if content[name] else None
            for name in ("spacing_mm", "resize_voxels", "size_voxels")
        }
        return cls(
            **content
            | lists
            | {
                "crop": ForegroundCrop(**crop) if crop else None,
                "intensity": IntensityNormalisation(**intensity),
            }
        )

    def __call__(self, channels: Sequence[sitk.Image]) -> Preprocessed:
        """Preprocess the channels of one input.

        Args:
            channels: Scalar float32 images; the first one's grid is the native grid, the others are sampled on it.

        Raises:
            DataError: A value is NaN or infinite, or the channels do not overlap.
        """
        for channel in channels:
            if not np.isfinite(sitk.GetArrayViewFromImage(channel)).all():
                raise DataError("an image holds NaN or infinite values", fix="repair the image or leave the case out.")
        native_grid = Grid.of(channels[0])
        oriented = [self._orient(_on_grid(channel, native_grid)) for channel in channels]
        whole = Grid.of(oriented[0])
        spacing_mm = self._spacing_mm(whole)
        if spacing_mm is not None:
            whole = respaced_grid(whole, spacing_mm)
        sampled = [self._sample(channel, whole) for channel in oriented]
        grid = self._cropped(whole, sampled)
        arrays = [_crop_or_pad(array, whole, grid) for array in sampled]
        return Preprocessed(np.stack([self.intensity(array) for array in arrays]), grid, native_grid)

    def preprocess_label_map(self, label_map: sitk.Image, grid: Grid) -> NDArray[np.uint8]:
        """Sample a label map on the grid of its preprocessed image.

        Args:
            label_map: uint8 labels on any grid.
            grid: `Preprocessed.grid`.

        Returns:
            Labels (x, y[, z]); 0 where the grid reaches beyond the label map.
        """
        if self.label_resampling == "nearest" or Grid.of(label_map).has_axes_of(grid):
            return to_array(resample(label_map, grid, interpolator=sitk.sitkNearestNeighbor)).astype(np.uint8)
        values = np.unique(sitk.GetArrayViewFromImage(label_map))
        best_share = np.zeros(grid.size_voxels, np.float32)
        labels = np.zeros(grid.size_voxels, np.uint8)
        oriented = self._orient(label_map)
        for value in values:
            mask = sitk.Cast(oriented == int(value), sitk.sitkFloat32)
            mask = smooth_before_shrinking(mask, grid.spacing_mm)
            share = to_array(resample(mask, grid, interpolator=sitk.sitkLinear))
            wins = share > best_share
            labels[wins], best_share[wins] = value, share[wins]
        return labels

    def _orient(self, image: sitk.Image) -> sitk.Image:
        if self.orientation is None or self.spatial_dims != 3:
            return image
        return sitk.DICOMOrient(image, self.orientation)

    def _spacing_mm(self, grid: Grid) -> tuple[float, ...] | None:
        if self.resize_voxels is None:
            return self.spacing_mm
        extents_mm = np.multiply(grid.size_voxels, grid.spacing_mm)
        return tuple((extents_mm / self.resize_voxels).tolist())

    def _sample(self, image: sitk.Image, grid: Grid) -> NDArray[np.float32]:
        if Grid.of(image) == grid:
            return to_array(image)
        if self.interpolation == "linear":
            sampled = sample_linearly(image, grid)
        else:
            smoothed = smooth_before_shrinking(image, grid.spacing_mm)
            sampled = to_array(resample(smoothed, grid, interpolator=sitk.sitkBSpline))
        if self.crop is not None or self.intensity.only_nonzero:
            # Smoothing lets what is bright shine into what was zero, which tells the foreground.
            sampled[to_array(resample(image, grid, interpolator=sitk.sitkNearestNeighbor)) == 0] = 0
        return sampled

    def _cropped(self, grid: Grid, channels: Sequence[NDArray[np.float32]]) -> Grid:
        if self.crop is not None:
            start, size = _foreground_box(channels, self.crop)
            grid = crop_or_pad_grid(grid, start=start, size=size)
        if self.size_voxels is not None:
            start = [(have - want) // 2 for have, want in zip(grid.size_voxels, self.size_voxels, strict=True)]
            grid = crop_or_pad_grid(grid, start=start, size=self.size_voxels)
        return grid


def restoring(grid: Grid, native_grid: Grid) -> LinearSampling:
    """Return what brings values on a preprocessed grid back to the native grid, linearly; 0 beyond `grid`."""
    # The outermost native voxels may lie beyond the centres of a coarser grid: the border is repeated there.
    return LinearSampling.between(grid, native_grid, margin_voxels=0 if grid.has_axes_of(native_grid) else 1)


def restore_probability(probability: NDArray[np.float32], grid: Grid, native_grid: Grid) -> NDArray[np.float32]:
    """Bring one class's probabilities (x, y[, z]) on `grid` back to the native grid, linearly; 0 beyond `grid`."""
    return restoring(grid, native_grid)(probability)


def _on_grid(image: sitk.Image, grid: Grid) -> sitk.Image:
    if Grid.of(image) == grid:
        return image
    array = to_array(resample(image, grid, interpolator=sitk.sitkLinear, outside=np.nan))
    if np.isnan(array).all():
        raise DataError(
            "the images of one input do not overlap", fix="correct the origin in their headers, or leave the case out."
        )
    return to_image(np.nan_to_num(array, nan=0.0), grid)


def _foreground_box(arrays: Sequence[NDArray[np.float32]], crop: ForegroundCrop) -> tuple[list[int], list[int]]:
    mask = np.any([array > crop.above for array in arrays], axis=0)
    if not mask.any():
        return [0] * mask.ndim, list(mask.shape)
    starts, sizes = [], []
    for axis in range(mask.ndim):
        inside = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        start = max(int(inside[0]) - crop.margin_voxels, 0)
        stop = min(int(inside[-1]) + 1 + crop.margin_voxels, mask.shape[axis])
        starts.append(start)
        sizes.append(stop - start)
    return starts, sizes


def _crop_or_pad(array: NDArray[np.float32], grid: Grid, wanted: Grid) -> NDArray[np.float32]:
    """Cut or pad (repeating the border) an array on `grid` to `wanted`, whose voxels lie on the same lattice."""
    direction = np.asarray(grid.direction).reshape(grid.spatial_dims, grid.spatial_dims)
    offset = direction.T @ (np.asarray(wanted.origin_mm) - np.asarray(grid.origin_mm)) / np.asarray(grid.spacing_mm)
    start = np.rint(offset).astype(int)
    if not start.any() and array.shape == wanted.size_voxels:
        return array
    indices = [
        np.clip(np.arange(first, first + count), 0, have - 1)
        for first, count, have in zip(start, wanted.size_voxels, array.shape, strict=True)
    ]
    cut: NDArray[np.float32] = array[np.ix_(*indices)]
    return cut
