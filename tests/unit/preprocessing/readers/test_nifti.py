import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels

AFFINE = np.diag([1.5, 2.0, 3.0, 1.0])


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(0, 1000, (50, 60, 70)).astype(np.int16)


@pytest.fixture
def gappy() -> NDArray[np.float32]:
    """Return noise with NaN and both infinities."""
    array = np.random.default_rng(0).normal(size=(5, 6, 7)).astype(np.float32)
    array[1, 2, 3], array[4, 5, 6], array[0, 0, 0] = np.nan, np.inf, -np.inf
    return array


def _write(path: Path, array: NDArray[np.generic]) -> Path:
    nibabel.save(nibabel.Nifti1Image(array, AFFINE), path)
    return path


def _rewrite(path: Path, change: Callable[[bytearray], bytes | bytearray]) -> None:
    path.write_bytes(change(bytearray(path.read_bytes())))


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("kept", [0.001, 0.1, 0.5, 0.99])
def test_truncated_nifti_is_refused(tmp_path: Path, voxels: NDArray[np.int16], suffix: str, kept: float) -> None:
    path = _write(tmp_path / f"a{suffix}", voxels)
    _rewrite(path, lambda content: content[: int(len(content) * kept)])
    with pytest.raises(DataError, match=r"cannot be read|truncated|damaged"):
        read_channels(path, spatial_dims=3)


def test_one_missing_byte_is_noticed(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    path = _write(tmp_path / "a.nii", voxels)
    _rewrite(path, lambda content: content[:-1])
    with pytest.raises(DataError, match=r"truncated .*got 420351 bytes of content; wanted 420352"):
        read_channels(path, spatial_dims=3)


@pytest.mark.parametrize("place", [0.5, 0.99])
def test_changed_byte_of_a_compressed_file_is_noticed(tmp_path: Path, voxels: NDArray[np.int16], place: float) -> None:
    def change(content: bytearray) -> bytearray:
        content[int(len(content) * place)] ^= 0xFF
        return content

    path = _write(tmp_path / "a.nii.gz", voxels)
    _rewrite(path, change)
    with pytest.raises(DataError, match="image file is damaged"):
        read_channels(path, spatial_dims=3)


def test_file_of_several_gzip_members_is_read(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    content = _write(tmp_path / "a.nii", voxels).read_bytes()
    half = len(content) // 2
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content[:half]) + gzip.compress(content[half:]))
    (image,) = read_channels(tmp_path / "b.nii.gz", spatial_dims=3)
    np.testing.assert_array_equal(to_array(image), voxels)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".hdr", ".img"])
@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8"])
def test_nan_and_infinities_are_kept(tmp_path: Path, gappy: NDArray[np.float32], suffix: str, dtype: str) -> None:
    kind = nibabel.Nifti1Pair if suffix in (".hdr", ".img") else nibabel.Nifti1Image
    header = kind.header_class(endianness=dtype[0])
    header.set_data_dtype(dtype)
    path = tmp_path / f"a{suffix}"
    nibabel.save(kind(gappy.astype(dtype), AFFINE, header), path)
    assert path.with_suffix(".hdr" if suffix == ".img" else path.suffix).read_bytes()[:2] in (
        b"\x1f\x8b",
        b"\x5c\x01" if dtype[0] == "<" else b"\x00\x00",
    )

    (image,) = read_channels(path, spatial_dims=3)
    np.testing.assert_array_equal(to_array(image), gappy)
    assert Grid.of(image).spacing_mm == pytest.approx((1.5, 2, 3))


def test_a_pair_may_have_its_voxels_compressed(tmp_path: Path, voxels: NDArray[np.int16]) -> None:
    nibabel.save(nibabel.Nifti1Pair(voxels, AFFINE), tmp_path / "a.hdr")
    content = (tmp_path / "a.img").read_bytes()
    (tmp_path / "a.img.gz").write_bytes(gzip.compress(content))
    (tmp_path / "a.img").unlink()
    (image,) = read_channels(tmp_path / "a.hdr", spatial_dims=3)
    np.testing.assert_array_equal(to_array(image), voxels)
    (tmp_path / "a.img.gz").write_bytes(gzip.compress(content[: len(content) // 2]))
    with pytest.raises(DataError, match=r"truncated|cannot be read"):
        read_channels(tmp_path / "a.hdr", spatial_dims=3)


def test_gaps_of_a_fourth_axis_are_kept(tmp_path: Path, gappy: NDArray[np.float32]) -> None:
    array = np.stack([np.zeros_like(gappy), gappy], axis=-1)
    channels = read_channels(_write(tmp_path / "a.nii", array), spatial_dims=3)
    np.testing.assert_array_equal([to_array(channel) for channel in channels], np.moveaxis(array, -1, 0))


def test_gaps_of_vector_pixels_are_kept(tmp_path: Path, gappy: NDArray[np.float32]) -> None:
    vectors = np.stack([np.zeros_like(gappy), gappy, np.ones_like(gappy)], axis=-1)
    sitk.WriteImage(
        sitk.GetImageFromArray(np.moveaxis(vectors, 2, 0).swapaxes(1, 2), isVector=True), tmp_path / "a.nii"
    )
    channels = read_channels(tmp_path / "a.nii", spatial_dims=3)
    np.testing.assert_array_equal(np.stack([to_array(channel) for channel in channels], axis=-1), vectors)


def test_gaps_stay_where_they_are_in_scaled_values(tmp_path: Path, gappy: NDArray[np.float32]) -> None:
    path = _write(tmp_path / "a.nii", gappy)

    def scale(content: bytearray) -> bytearray:
        content[112:120] = np.array([2.0, 10.0], "<f4").tobytes()  # scl_slope and scl_inter
        return content

    _rewrite(path, scale)
    (image,) = read_channels(path, spatial_dims=3)
    np.testing.assert_allclose(to_array(image), gappy * 2 + 10, rtol=1e-6)


@pytest.mark.parametrize("byte_order", "<>")
@pytest.mark.parametrize("scale", [(np.inf, 0), (-np.inf, 0), (2, np.nan), (2, np.inf)])
def test_a_scale_that_is_no_number_is_refused(
    tmp_path: Path, voxels: NDArray[np.int16], scale: tuple[float, float], byte_order: str
) -> None:
    path = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, AFFINE, nibabel.Nifti1Header(endianness=byte_order)), path)
    _rewrite(path, lambda content: content[:112] + struct.pack(f"{byte_order}2f", *scale) + content[120:])
    with pytest.raises(DataError, match="the scale of the values is no number"):
        read_channels(path, spatial_dims=3)


@pytest.mark.parametrize("scale", [(np.nan, np.nan), (0, np.inf)])
def test_no_scale_is_none(tmp_path: Path, voxels: NDArray[np.int16], scale: tuple[float, float]) -> None:
    path = _write(tmp_path / "a.nii", voxels)
    _rewrite(path, lambda content: content[:112] + struct.pack("<2f", *scale) + content[120:])
    np.testing.assert_array_equal(to_array(read_channels(path, spatial_dims=3)[0]), voxels)
