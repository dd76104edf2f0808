import numpy as np
import pytest
import SimpleITK as sitk

from medweave.preprocessing import linear_sampling
from medweave.preprocessing.geometry import (
    Grid,
    crop_or_pad_grid,
    resample,
    respaced_grid,
    smooth_before_shrinking,
    to_array,
    to_image,
)
from medweave.preprocessing.linear_sampling import LinearSampling, sample_linearly

OBLIQUE = sitk.VersorTransform((1, 2, 3), 0.4).GetMatrix()
SOLID = Grid((24, 31, 18), (1.0, 1.2, 2.0), (3.0, -7.0, 11.0), OBLIQUE)
FLAT = Grid((40, 30), (1.0, 0.8), (3.0, -7.0), (1.0, 0.0, 0.0, 1.0))


def _values(grid: Grid) -> np.ndarray:
    return np.random.default_rng(0).normal(size=grid.size_voxels).astype(np.float32)


def _by_itk(values: np.ndarray, source: Grid, target: Grid, *, margin: int = 0) -> np.ndarray:
    image = to_image(values, source)
    if margin:
        image = sitk.ZeroFluxNeumannPad(image, [margin] * values.ndim, [margin] * values.ndim)
    return to_array(resample(image, target, interpolator=sitk.sitkLinear))


@pytest.mark.parametrize(
    ("grid", "spacing_mm"), [(SOLID, (2.1, 1.7, 1.5)), (SOLID, (3.0, 3.0, 3.0)), (FLAT, (2.5, 0.5))]
)
def test_an_image_is_smoothed_and_sampled_as_by_itk(grid, spacing_mm):
    image, target = to_image(_values(grid), grid), respaced_grid(grid, spacing_mm)
    expected = to_array(
        resample(smooth_before_shrinking(image, spacing_mm), target, interpolator=sitk.sitkLinear),
    )
    found = sample_linearly(image, target)
    assert found == pytest.approx(expected, abs=2e-6)
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)


@pytest.mark.parametrize("orientation", ["RAS", "SAR", "PIL"])
@pytest.mark.parametrize("margin", [0, 1])
def test_turned_axes_are_sampled_as_by_itk(orientation, margin):
    turned = Grid.of(sitk.DICOMOrient(to_image(_values(SOLID), SOLID), orientation))
    source = crop_or_pad_grid(respaced_grid(turned, (2.0, 2.0, 2.0)), start=(1, -2, 3), size=(10, 12, 9))
    values = _values(source)
    found = LinearSampling.between(source, SOLID, margin_voxels=margin)(values)
    assert found == pytest.approx(_by_itk(values, source, SOLID, margin=margin), abs=2e-6)


def test_what_is_kept_of_past_grids_is_bounded():
    for size in range(10, 30):
        grid = Grid((size, size), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
        LinearSampling.between(grid, respaced_grid(grid, (2.0, 2.0)), smooth=True)
    assert linear_sampling._smoothing.cache_info().currsize < 10


def test_a_box_is_the_part_of_the_whole_that_a_mask_reaches():
    source = respaced_grid(SOLID, (2.0, 2.0, 2.0))
    values, mask = np.zeros((2, *source.size_voxels), np.float32)
    values[3:5, 6, 2:4] = mask[3:5, 6, 2:4] = 1
    sampling = LinearSampling.between(source, SOLID)
    whole, box = sampling(values), sampling.reach(mask > 0)
    assert [(axis.min(), axis.max() + 1) for axis in np.nonzero(whole)] == [(cut.start, cut.stop) for cut in box]
    np.testing.assert_array_equal(sampling.part(box)(values), whole[box])
    assert sampling.reach(np.zeros_like(mask, bool)) == (slice(0, 0),) * 3
