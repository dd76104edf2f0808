import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

from medweave.metrics.surface import (
    average_distance_mm,
    hausdorff_mm,
    normalised_surface_dice,
    surface_distances,
    surface_voxels,
)


def _blobs(shape, seed):
    """Two overlapping smooth random masks."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
    other = ndimage.gaussian_filter(rng.standard_normal(shape), 3)
    return noise > noise.std() * 0.5, noise + 0.5 * other > noise.std() * 0.5


def _one_hot(mask):
    return torch.from_numpy(mask)[None, None].float()


@pytest.mark.parametrize(
    ("shape", "spacing_mm"), [((24, 28, 12), (0.8, 1.3, 4.0)), ((20, 20, 20), (1.0, 1.0, 1.0)), ((40, 50), (0.5, 1.7))]
)
@pytest.mark.parametrize("seed", range(3))
def test_distances_equal_monai(shape, spacing_mm, seed):
    predicted, truth = _blobs(shape, seed)
    distances = surface_distances(predicted, truth, spacing_mm=spacing_mm)
    pair = {"y_pred": _one_hot(predicted), "y": _one_hot(truth), "include_background": True, "spacing": spacing_mm}
    assert hausdorff_mm(distances) == pytest.approx(compute_hausdorff_distance(**pair, percentile=95).item(), rel=1e-5)
    assert average_distance_mm(distances) == pytest.approx(
        compute_average_surface_distance(**pair, symmetric=True).item(), rel=1e-5
    )
    assert normalised_surface_dice(distances, tolerance_mm=2.0) == pytest.approx(
        compute_surface_dice(**pair, class_thresholds=[2.0]).item(), rel=1e-5
    )


def test_distances_equal_the_exact_euclidean_distance_transform():
    predicted, truth = _blobs((30, 25, 15), seed=7)
    spacing_mm = (0.7, 1.1, 3.0)
    distances = surface_distances(predicted, truth, spacing_mm=spacing_mm)
    transform = ndimage.distance_transform_edt(~surface_voxels(truth), sampling=spacing_mm)
    np.testing.assert_allclose(distances.to_truth_mm, transform[surface_voxels(predicted)])


def test_single_voxels_lie_their_distance_in_millimetres_apart():
    predicted, truth = np.zeros((2, 10, 10, 10), dtype=bool)
    predicted[1, 2, 3] = truth[4, 2, 7] = True
    distances = surface_distances(predicted, truth, spacing_mm=(1.0, 1.0, 2.0))
    assert hausdorff_mm(distances) == pytest.approx(np.hypot(3, 8))
    assert average_distance_mm(distances) == pytest.approx(np.hypot(3, 8))
    assert normalised_surface_dice(distances, tolerance_mm=2.0) == 0.0
    assert normalised_surface_dice(distances, tolerance_mm=8.6) == 1.0


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_volume_of_one_slice_is_measured_as_its_image(axis):
    rng = np.random.default_rng(axis)
    predicted, truth = ndimage.gaussian_filter(rng.normal(size=(2, 30, 40)), (0, 3, 3)) > 0.03
    flat = surface_distances(predicted, truth, spacing_mm=(0.7, 1.5))
    slab = surface_distances(
        np.expand_dims(predicted, axis), np.expand_dims(truth, axis), spacing_mm=np.insert([0.7, 1.5], axis, 10.0)
    )
    np.testing.assert_array_equal(slab.all_mm, flat.all_mm)


def test_the_image_border_is_outside_of_a_mask():
    assert surface_voxels(np.ones((4, 4), dtype=bool)).sum() == 12
    cube = np.zeros((7, 7, 7), dtype=bool)
    cube[2:5, 2:5, 2:5] = True
    assert surface_voxels(cube).sum() == 26


def test_identical_masks_that_touch_the_border_have_no_distance():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[:3, :, 2:] = True
    distances = surface_distances(mask, mask, spacing_mm=(1, 2, 3))
    assert hausdorff_mm(distances) == 0.0
    assert normalised_surface_dice(distances, tolerance_mm=0.0) == 1.0


def test_a_shifted_plate_lies_its_shift_away():
    predicted, truth = np.zeros((2, 5, 5, 9), dtype=bool)
    predicted[..., 2] = truth[..., 5] = True
    distances = surface_distances(predicted, truth, spacing_mm=(1, 1, 0.5))
    assert hausdorff_mm(distances) == pytest.approx(1.5)
    assert normalised_surface_dice(distances, tolerance_mm=1.5) == 1.0


def test_a_distance_equal_to_the_tolerance_agrees_despite_rounding():
    predicted, truth = np.zeros((2, 20, 3), dtype=bool)
    predicted[12], truth[7] = True, True
    distances = surface_distances(predicted, truth, spacing_mm=(0.4, 1.0))
    assert distances.to_truth_mm[0] > 2.0  # 12 * 0.4 - 7 * 0.4 in floating point
    assert normalised_surface_dice(distances, tolerance_mm=2.0) == 1.0
