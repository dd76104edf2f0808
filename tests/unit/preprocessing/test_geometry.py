import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.preprocessing.geometry import (
    Grid,
    crop_or_pad_grid,
    resample,
    respaced_grid,
    smooth_before_shrinking,
    to_array,
    to_image,
)

FLIPPED = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
PERMUTED = (0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
IDENTITY = tuple(np.eye(3).ravel().tolist())


def _oblique() -> tuple[float, ...]:
    return sitk.VersorTransform((1, 2, 3), 0.4).GetMatrix()


def _grid(direction: tuple[float, ...] = IDENTITY) -> Grid:
    return Grid((8, 9, 10), (1.0, 2.0, 3.0), (10.0, -20.0, 30.0), direction)


def _corners_mm(grid: Grid) -> NDArray[np.float64]:
    """Return the outer corners of the first and the last voxel."""
    direction = np.array(grid.direction).reshape(grid.spatial_dims, -1)
    indices = np.array([np.full(grid.spatial_dims, -0.5), np.array(grid.size_voxels) - 0.5])
    return grid.origin_mm + (indices * grid.spacing_mm) @ direction.T


def _ramp(grid: Grid) -> sitk.Image:
    """Return an image that is 2x + 3y - z + 5 at position (x, y, z) in millimetres."""
    image = to_image(np.zeros(grid.size_voxels, np.float32), grid)
    values = [
        np.dot((2, 3, -1), image.TransformIndexToPhysicalPoint([int(axis) for axis in index])) + 5
        for index in np.ndindex(*grid.size_voxels)
    ]
    return to_image(np.array(values, np.float32).reshape(grid.size_voxels), grid)


ORIENTATIONS = pytest.mark.parametrize(
    "direction", [IDENTITY, FLIPPED, PERMUTED, _oblique()], ids=["identity", "flipped", "permuted", "oblique"]
)


@ORIENTATIONS
def test_image_and_array_carry_the_same_voxels(direction: tuple[float, ...]) -> None:
    array = np.random.default_rng(0).normal(size=(8, 9, 10)).astype(np.float32)
    image = to_image(array, _grid(direction))
    assert image.GetPixel(1, 2, 3) == array[1, 2, 3]
    np.testing.assert_array_equal(to_array(image), array)
    assert Grid.of(image).difference(_grid(direction)) is None


@pytest.mark.parametrize("size", [(4, 5, 6), (1, 1, 6), (6, 1, 1), (4, 5)])
def test_array_shares_no_memory_with_the_image(size: tuple[int, ...]) -> None:
    image = sitk.Image(size, sitk.sitkFloat32)
    array = to_array(image)
    image += 1
    assert array.shape == size
    assert array.flags.c_contiguous
    assert not np.shares_memory(array, sitk.GetArrayViewFromImage(image))
    assert array.max() == 0


def test_measures_of_a_grid() -> None:
    assert _grid().spatial_dims == 3
    assert _grid().voxel_volume_ml == pytest.approx(0.006)
    assert _grid().diagonal_mm == pytest.approx(np.sqrt(8**2 + 18**2 + 30**2))
    assert Grid((4, 4), (5.0, 10.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0)).voxel_volume_ml == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            Grid((8, 9, 11), (1.0, 2.0, 3.0), (10.0, -20.0, 30.0), IDENTITY),
            r"size \(8, 9, 10\) and \(8, 9, 11\)",
        ),
        (Grid((8, 9, 10), (1.0, 2.0, 3.01), (10.0, -20.0, 30.0), IDENTITY), r"spacing .*3\.0\) and .*3\.01\) mm"),
        (Grid((8, 9, 10), (1.0, 2.0, 3.0), (10.0, -20.0, 30.1), IDENTITY), r"origin .*30\.0\) and .*30\.1\) mm"),
        (Grid((8, 9, 10), (1.0, 2.0, 3.0), (10.0, -20.0, 30.0), FLIPPED), r"direction \(1\.0.* and \(-1\.0"),
    ],
)
def test_difference_is_said_in_words(other: Grid, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        raise ValueError(_grid().difference(other))


def test_rounding_of_headers_is_no_difference() -> None:
    rounded = Grid((8, 9, 10), (1.0000005, 2.0, 3.0), (10.004, -20.0, 30.0), IDENTITY)
    assert _grid().difference(rounded) is None


@ORIENTATIONS
def test_axes_are_the_same_in_any_order_and_either_way(direction: tuple[float, ...]) -> None:
    image = to_image(np.zeros((8, 9, 10), np.float32), _grid(direction))
    assert all(Grid.of(sitk.DICOMOrient(image, code)).has_axes_of(_grid(direction)) for code in ("RAS", "PIL", "SLP"))


@ORIENTATIONS
@pytest.mark.parametrize("spacing_mm", [(3.0, 2.0, 1.0), (1.0, 2.0, 1.5), (2.0, 4.0, 6.0)])
def test_axes_of_another_spacing_are_others(direction: tuple[float, ...], spacing_mm: tuple[float, ...]) -> None:
    assert not respaced_grid(_grid(direction), spacing_mm).has_axes_of(_grid(direction))
    assert not _grid(_oblique()).has_axes_of(_grid())


@ORIENTATIONS
def test_grid_survives_as_a_vector(direction: tuple[float, ...]) -> None:
    assert Grid.from_vector(_grid(direction).to_vector()) == _grid(direction)


@ORIENTATIONS
def test_resampling_keeps_positions(direction: tuple[float, ...]) -> None:
    source = _grid(direction)
    inner = crop_or_pad_grid(respaced_grid(source, (1.5, 1.5, 1.5)), start=(1, 2, 3), size=(2, 6, 10))
    sampled = resample(_ramp(source), inner, interpolator=sitk.sitkLinear)
    np.testing.assert_allclose(to_array(sampled), to_array(_ramp(inner)), atol=1e-3)


def test_resampling_fills_what_lies_outside() -> None:
    outer = crop_or_pad_grid(_grid(), start=(-2, 0, 0), size=(10, 9, 10))
    image = to_image(np.ones((8, 9, 10), np.float32), _grid())
    array = to_array(resample(image, outer, interpolator=sitk.sitkNearestNeighbor, outside=-7))
    assert (array[:2] == -7).all()
    assert (array[2:] == 1).all()


@ORIENTATIONS
def test_respaced_grid_has_the_same_edges(direction: tuple[float, ...]) -> None:
    source = _grid(direction)
    respaced = respaced_grid(source, (2.0, 1.0, 5.0))
    assert respaced.size_voxels == (4, 18, 6)
    np.testing.assert_allclose(_corners_mm(respaced), _corners_mm(source), atol=1e-9)


def test_respaced_grid_shares_a_rounded_size_between_both_ends() -> None:
    respaced = respaced_grid(_grid(), (3.0, 2.0, 3.0))
    assert respaced.size_voxels[0] == 3
    np.testing.assert_allclose(_corners_mm(respaced)[:, 0], _corners_mm(_grid())[:, 0] + [-0.5, 0.5])


def test_respaced_grid_has_at_least_one_voxel() -> None:
    assert respaced_grid(_grid(), (100.0, 2.0, 3.0)).size_voxels == (1, 9, 10)


@ORIENTATIONS
def test_crop_begins_at_the_named_voxel(direction: tuple[float, ...]) -> None:
    image = to_image(np.zeros((8, 9, 10), np.float32), _grid(direction))
    crop = crop_or_pad_grid(_grid(direction), start=(2, 3, -1), size=(4, 5, 12))
    assert crop.size_voxels == (4, 5, 12)
    np.testing.assert_allclose(crop.origin_mm, image.TransformContinuousIndexToPhysicalPoint((2, 3, -1)))


def test_smoothing_touches_only_the_axes_that_shrink() -> None:
    array = np.zeros((16, 16, 16), np.float32)
    array[8, 8, 8] = 1
    smoothed = to_array(smooth_before_shrinking(to_image(array, _unit_grid()), (3.0, 1.0, 0.5)))
    assert smoothed.sum() == pytest.approx(1, abs=1e-3)
    assert np.count_nonzero(np.abs(smoothed) > 1e-6) > 3
    assert np.count_nonzero(np.delete(smoothed[8], 8, axis=0)) == 0
    # Sigma is (3 - 1) / 2 = 1 voxel: the peak of a Gaussian is 1 / sqrt(2 pi).
    assert smoothed[8, 8, 8] == pytest.approx(1 / np.sqrt(2 * np.pi), abs=0.02)


def test_smoothing_leaves_an_image_that_does_not_shrink() -> None:
    array = np.random.default_rng(0).normal(size=(16, 16, 16)).astype(np.float32)
    np.testing.assert_array_equal(to_array(smooth_before_shrinking(to_image(array, _unit_grid()), (1, 1, 1))), array)


def test_smoothing_skips_an_axis_of_few_voxels() -> None:
    grid = Grid((16, 16, 3), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY)
    array = np.random.default_rng(0).normal(size=(16, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(to_array(smooth_before_shrinking(to_image(array, grid), (1, 1, 3))), array)


def _unit_grid() -> Grid:
    return Grid((16, 16, 16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY)
