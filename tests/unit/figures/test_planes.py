import numpy as np
import pytest
import SimpleITK as sitk

from medweave.figures.planes import display_window, mask_centre, middle_voxel, orthogonal_planes, plane_across
from medweave.preprocessing.geometry import to_array

VOLUME = np.arange(2 * 3 * 4).reshape(2, 3, 4)


def test_planes_go_through_the_centre_last_axis_first() -> None:
    axial, coronal, sagittal = orthogonal_planes(VOLUME, (1, 2, 3), spacing_mm=(1, 2, 4))
    assert [plane.name for plane in (axial, coronal, sagittal)] == ["axis z = 3", "axis y = 2", "axis x = 1"]
    np.testing.assert_array_equal(axial.values, VOLUME[:, :, 3].T)
    np.testing.assert_array_equal(coronal.values, VOLUME[:, 2, :].T)
    np.testing.assert_array_equal(sagittal.values, VOLUME[1, :, :].T)
    assert axial.extent_mm == (2, 6)
    assert sagittal.aspect == pytest.approx(2.0)


def test_lps_axial_plane_is_shown_as_stored() -> None:
    axial = orthogonal_planes(VOLUME, (0, 0, 0), spacing_mm=(1, 1, 1), orientation="LPS")[0]
    np.testing.assert_array_equal(axial.values, VOLUME[:, :, 0].T)
    assert (axial.left, axial.right, axial.top, axial.bottom) == ("R", "L", "A", "P")


@pytest.mark.parametrize("code", ["RAS", "LPI", "ASR", "SPL", "PIR"])
def test_planes_look_the_same_in_every_orientation(code: str) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32))
    reference = orthogonal_planes(to_array(image), (2, 2, 2), spacing_mm=image.GetSpacing(), orientation="LPS")
    turned = sitk.DICOMOrient(image, code)
    centre = turned.TransformPhysicalPointToIndex(image.TransformIndexToPhysicalPoint((2, 2, 2)))
    planes = orthogonal_planes(to_array(turned), centre, spacing_mm=turned.GetSpacing(), orientation=code)
    by_edges = {(plane.right, plane.bottom): plane.values for plane in planes}
    assert set(by_edges) == {("L", "P"), ("L", "I"), ("P", "I")}
    for plane in reference:
        np.testing.assert_array_equal(by_edges[plane.right, plane.bottom], plane.values)


def test_an_image_is_its_own_plane() -> None:
    image = np.arange(6).reshape(2, 3)
    (plane,) = orthogonal_planes(image, (0, 0), spacing_mm=(0.5, 1.0), orientation="LPS")
    np.testing.assert_array_equal(plane.values, image.T)
    assert (plane.extent_mm, plane.name, plane.left) == ((1.0, 3.0), "", "")


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plane_across_an_axis_holds_the_voxels_at_its_index(axis: int) -> None:
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    plane = plane_across(array, axis, 1, spacing_mm=(1, 1, 1))
    assert (plane.normal_axis, plane.index) == (axis, 1)
    assert (plane.values == array.take(1, axis=axis).T).all()


def test_an_image_is_its_own_plane_across_any_axis() -> None:
    array = np.arange(6).reshape(2, 3)
    assert (plane_across(array, 2, 5, spacing_mm=(1, 1)).values == array.T).all()


def test_mask_centre_lies_in_the_largest_slice_and_in_the_mask() -> None:
    mask = np.zeros((7, 7, 5))
    mask[3, 3, 1] = 1
    mask[1:6, 1:6, 4] = 2
    mask[2:5, 2:5, 4] = 0  # a ring: its centre of mass is outside
    centre = mask_centre(mask)
    assert centre[2] == 4
    assert mask[centre] == 2


def test_mask_centre_of_a_disc_is_its_centre() -> None:
    mask = np.zeros((9, 9))
    mask[3:6, 4:7] = 1
    assert mask_centre(mask) == (4, 5)


def test_an_empty_mask_gives_the_middle() -> None:
    assert mask_centre(np.zeros((4, 5, 6))) == middle_voxel((4, 5, 6)) == (2, 2, 3)


def test_display_window_ignores_values_that_are_not_finite() -> None:
    assert display_window(np.array([*range(101), np.nan, np.inf])) == (1.0, 99.0)


@pytest.mark.parametrize("values", [[2.0, 2.0], [np.nan]])
def test_display_window_of_a_flat_image_is_not_empty(values: list[float]) -> None:
    low, high = display_window(np.array(values))
    assert high == low + 1
