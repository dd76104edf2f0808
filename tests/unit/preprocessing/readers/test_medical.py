from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import (
    ImageHeader,
    image_stem,
    image_suffix,
    read_channels,
    read_header,
    read_label_map,
)

AFFINE = np.array([[0, 0, 3.0, 1], [1.5, 0, 0, 2], [0, 2.0, 0, 3], [0, 0, 0, 1]])


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(0, 1000, (50, 60, 70)).astype(np.int16)


def _write(path: Path, array: NDArray[np.generic]) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, AFFINE), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr", ".nrrd", ".mha"])
def test_every_format_gives_the_same_voxels(tmp_path: Path, voxels: NDArray[np.int16], suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.ReadImage(_write(tmp_path / "source.nii", voxels)), path)
    (image,) = read_channels(path, spatial_dims=3)
    assert image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_array_equal(to_array(image), voxels)


def test_geometry_is_that_of_the_affine(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    (image,) = read_channels(_write(tmp_path / "a.nii.gz", voxels), spatial_dims=3)
    assert image.GetSpacing() == pytest.approx((1.5, 2.0, 3.0))
    position_ras = (AFFINE @ (4, 5, 6, 1))[:3]
    assert image.TransformIndexToPhysicalPoint((4, 5, 6)) == pytest.approx(position_ras * (-1, -1, 1))


def test_scaled_values_are_those_that_nibabel_reads(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    scaled = nibabel.Nifti1Image(voxels, AFFINE)
    scaled.header.set_slope_inter(0.5, -100)
    nibabel.save(scaled, tmp_path / "a.nii")
    (image,) = read_channels(tmp_path / "a.nii", spatial_dims=3)
    np.testing.assert_allclose(to_array(image), nibabel.load(tmp_path / "a.nii").get_fdata(), atol=1e-3)


def test_fourth_axis_is_the_channel_axis(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 7, 3)).astype(np.float32)
    channels = read_channels(_write(tmp_path / "a.nii.gz", array), spatial_dims=3)
    assert len(channels) == 3
    for number, channel in enumerate(channels):
        np.testing.assert_array_equal(to_array(channel), array[..., number])


def test_vector_pixels_are_channels(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 255, (4, 5, 6, 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=True), tmp_path / "a.mha")
    channels = read_channels(tmp_path / "a.mha", spatial_dims=3)
    np.testing.assert_array_equal([to_array(channel).T for channel in channels], np.moveaxis(array, -1, 0))


def test_single_slice_is_two_dimensional(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(5, 6, 1)).astype(np.float32)
    (image,) = read_channels(_write(tmp_path / "a.nii.gz", array), spatial_dims=2)
    np.testing.assert_array_equal(to_array(image), array[..., 0])


@pytest.mark.parametrize(
    ("shape", "spatial_dims", "got"),
    [((5, 6), 3, "got 2D"), ((5, 6, 7), 2, "got 3D"), ((5, 6, 7, 2), 2, "got 4D"), ((5, 6, 7, 2, 2), 3, "got 5D")],
)
def test_wrong_dimension_is_refused(tmp_path: Path, shape: tuple[int, ...], spatial_dims: int, got: str) -> None:
    path = tmp_path / "a.nii.gz"
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.float32), np.eye(4)), path)
    with pytest.raises(DataError, match=rf"wrong dimension .*a\.nii\.gz.*{got}.*wanted {spatial_dims}D"):
        read_channels(path, spatial_dims=spatial_dims)


@pytest.mark.parametrize(
    ("shape", "dtype", "header"),
    [
        ((5, 6, 7), np.int16, ImageHeader(3, "16-bit signed integer")),
        ((5, 6, 7, 2), np.float32, ImageHeader(3, "32-bit float")),
        ((5, 6, 1), np.uint8, ImageHeader(2, "8-bit unsigned integer")),
        ((5, 6), np.uint8, ImageHeader(2, "8-bit unsigned integer")),
    ],
)
def test_header_says_axes_and_pixel_type(
    tmp_path: Path, shape: tuple[int, ...], dtype: type[np.generic], header: ImageHeader
) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros(shape, dtype), np.eye(4)), tmp_path / "a.nii.gz")
    assert read_header(tmp_path / "a.nii.gz") == header


def test_header_of_vector_pixels_has_the_type_of_one(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 3), np.uint8), isVector=True), tmp_path / "a.png")
    assert read_header(tmp_path / "a.png") == ImageHeader(2, "8-bit unsigned integer")


def test_header_of_a_damaged_jpeg_is_read_in_silence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    assert read_header(tmp_path / "a.jpg") == ImageHeader(2, "8-bit unsigned integer")
    with pytest.raises(DataError, match=r"cannot be read|is truncated"):
        read_channels(tmp_path / "a.jpg", spatial_dims=2)
    assert capfd.readouterr() == ("", "")


def test_header_of_a_file_that_is_no_image_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_text("dear")
    assert read_header(tmp_path / "a.nii") == ImageHeader(3, "unknown")


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [("a.b.nii.gz", "a.b", ".nii.gz"), ("A.PNG", "A", ".PNG"), ("p.001", "p.001", ""), ("a.tiff", "a", ".tiff")],
)
def test_name_without_its_suffix(name: str, stem: str, suffix: str) -> None:
    assert (image_stem(name), image_suffix(name)) == (stem, suffix)


def test_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image file not found .*a\.nii"):
        read_channels(tmp_path / "a.nii", spatial_dims=3)


def test_file_of_zero_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").touch()
    with pytest.raises(DataError, match="image file has no content"):
        read_channels(tmp_path / "a.nii.gz", spatial_dims=3)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.png", "a"])
def test_file_that_is_no_image_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no image " * 100)
    with pytest.raises(DataError, match=r"image file cannot be read .*Fix: copy the file again or convert it"):
        read_channels(tmp_path / name, spatial_dims=3)


def test_error_of_the_reader_is_one_line_without_its_source_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.nii", np.zeros((5, 6), np.float32))
    with pytest.raises(DataError, match=r"got Bad direction, determinant is 0[^\n]*$"):
        read_channels(path, spatial_dims=2)


def test_complex_image_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.nii.gz", np.ones((4, 5, 6), np.complex64))
    with pytest.raises(DataError, match="an image is complex"):
        read_channels(path, spatial_dims=3)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
def test_label_map_of_any_number_type_becomes_uint8(tmp_path: Path, dtype: type[np.generic]) -> None:
    labels = np.random.default_rng(0).integers(0, 4, (5, 6, 7)).astype(dtype)
    image = read_label_map(_write(tmp_path / "a.nii.gz", labels), spatial_dims=3)
    assert image.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(to_array(image), labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_merged_values_are_read_as_another(tmp_path: Path, dtype: type[np.generic]) -> None:
    labels = np.random.default_rng(0).integers(0, 6, (5, 6, 7)).astype(dtype)
    path = _write(tmp_path / "a.nii.gz", labels)
    merged = to_array(read_label_map(path, spatial_dims=3, merged_values={1: 2, 3: 2, 5: 4}))
    np.testing.assert_array_equal(merged == 2, np.isin(labels, [1, 2, 3]))
    np.testing.assert_array_equal(merged == 4, np.isin(labels, [4, 5]))
    assert set(np.unique(merged)) == {0, 2, 4}


@pytest.mark.parametrize("value", [0.5, -1, 256, np.nan, np.inf])
def test_value_that_is_no_label_is_refused(tmp_path: Path, value: float) -> None:
    labels = np.zeros((4, 5, 6), np.float32)
    labels[1, 2, 3] = value
    with pytest.raises(DataError, match=r"values that are not labels .*wanted whole numbers from 0 to 255"):
        read_label_map(_write(tmp_path / "a.nii.gz", labels), spatial_dims=3)


def test_label_map_of_several_channels_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.nii.gz", np.zeros((4, 5, 6, 2), np.uint8))
    with pytest.raises(DataError, match=r"a label map has several channels .*got 2; wanted 1"):
        read_label_map(path, spatial_dims=3)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["msd_heart_2p5mm", "msd_hippocampus"])
def test_real_images_are_those_that_nibabel_reads(shared_data: Path, name: str) -> None:
    paths = sorted((shared_data / name / "imagesTr").glob("[!.]*.nii.gz"))[:3]
    assert len(paths) == 3
    for path in paths:
        (image,) = read_channels(path, spatial_dims=3)
        np.testing.assert_array_equal(to_array(image), nibabel.load(path).get_fdata(dtype=np.float32))
