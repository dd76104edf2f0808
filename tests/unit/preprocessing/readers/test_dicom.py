import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import Grid
from medweave.preprocessing.readers.dicom import is_dicom_series
from medweave.preprocessing.readers.medical import read_channels, read_header

SPACING_MM, ORIGIN = (0.8, 0.9, 3.0), np.array([-20.0, 12.5, 40.0])
#: Columns are the directions of the axes: an oblique, right-handed frame.
TURN = np.deg2rad(20)
DIRECTION = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])[:, [1, 2, 0]]

Write = Callable[..., Path]


@pytest.fixture
def voxels() -> NDArray[np.int16]:
    return np.random.default_rng(0).integers(-1000, 1000, (6, 10, 12)).astype(np.int16)


@pytest.fixture
def write(tmp_path: Path, write_dicom_slice: Callable[..., None]) -> Write:
    """Write slices of a volume as DICOM files whose names say nothing of their order."""

    def call(voxels: NDArray[np.int16], *, series: str = "1.2.3", offsets_mm: object = None, **tags: str) -> Path:
        folder = tmp_path / "series"
        folder.mkdir(exist_ok=True)
        offsets = np.arange(len(voxels)) * SPACING_MM[2] if offsets_mm is None else np.asarray(offsets_mm)
        for number, (values, offset) in enumerate(zip(voxels, offsets, strict=True)):
            known = {
                "0008|103e": f"series {series}",
                "0020|000e": series,
                "0020|0013": str(len(voxels) - number),
                "0020|0032": "\\".join(f"{value:.6f}" for value in ORIGIN + offset * DIRECTION[:, 2]),
                "0020|0037": "\\".join(f"{value:.9f}" for value in DIRECTION[:, :2].T.ravel()),
            }
            path = folder / f"{(number * 7) % 11}-{len(list(folder.iterdir()))}.dcm"
            write_dicom_slice(path, values, spacing_mm=SPACING_MM[:2], **{**known, **tags})
        return folder

    return call


def refused(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_channels(folder, spatial_dims=3)
    return str(caught.value)


def test_a_series_is_read_in_the_order_of_its_places_with_its_geometry(write: Write, voxels: NDArray[np.int16]) -> None:
    folder = write(voxels)
    (folder / "LICENSE.txt").write_text("no image", encoding="utf-8")
    (image,) = read_channels(folder, spatial_dims=3)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), voxels)
    expected = sitk.Image(12, 10, 6, sitk.sitkFloat32)
    expected.SetSpacing(SPACING_MM)
    expected.SetOrigin(ORIGIN.tolist())
    expected.SetDirection(DIRECTION.ravel().tolist())
    assert Grid.of(image).difference(Grid.of(expected)) is None
    assert (is_dicom_series(folder), read_header(folder).spatial_dims) == (True, 3)
    assert read_header(folder).pixel_type == "16-bit signed integer"


def test_several_series_are_named(write: Write, voxels: NDArray[np.int16]) -> None:
    write(voxels)
    said = refused(write(voxels, series="1.2.4"))
    assert "holds 2 DICOM series" in said
    assert "got series 1.2.3, series 1.2.4. Fix: move each series" in said


def test_several_b_values_at_a_place_are_named(write: Write, voxels: NDArray[np.int16]) -> None:
    for sequence in ("ep_b50", "ep_b400", "ep_b800"):
        folder = write(voxels, **{"0018|0024": sequence})
    said = refused(folder)
    assert "has 18 slices at 6 places" in said
    assert "got tag (0018,0024) with ep_b400, ep_b50, ep_b800" in said


@pytest.mark.parametrize("offsets_mm", [[0, 3, 6, 12, 15, 18], [0, 3, 6, 9, 12, 15.5]])
def test_a_missing_slice_is_noticed(write: Write, voxels: NDArray[np.int16], offsets_mm: list[float]) -> None:
    assert "not evenly spaced (" in refused(write(voxels, offsets_mm=offsets_mm))


@pytest.mark.parametrize("places_mm", [[0, 3, 9, 12], [0, 3, 15, 18]])
def test_missing_slices_are_not_taken_for_repeated_ones_where_places_are_round_numbers(
    tmp_path: Path, write_dicom_slice: Callable[..., None], voxels: NDArray[np.int16], places_mm: list[int]
) -> None:
    for place in places_mm:
        position = {"0020|0032": f"0\\0\\{place}"}
        write_dicom_slice(tmp_path / f"{place}.dcm", voxels[0], spacing_mm=SPACING_MM[:2], **position)
    said = refused(tmp_path)
    assert "not evenly spaced (" in said
    assert f"got steps from 3 to {places_mm[2] - 3} mm. Fix: complete the series." in said


def test_other_views_and_damaged_files_are_refused(write: Write, voxels: NDArray[np.int16]) -> None:
    folder = write(voxels)
    write(voxels[:1], **{"0020|0037": "1\\0\\0\\0\\0\\-1"})
    assert "several orientations" in refused(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:300])
    assert "the DICOM series cannot be read" in refused(folder)


def test_a_folder_without_dicom_is_no_series(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    assert not is_dicom_series(tmp_path)
    assert not is_dicom_series(tmp_path / "a.txt")
    assert "the folder holds no DICOM file" in refused(tmp_path)


@pytest.mark.real_data
def test_a_real_series_lies_on_the_grid_of_its_labels_and_its_b_values_are_named(
    shared_data: Path, tmp_path: Path
) -> None:
    patient = shared_data / "prostatex_dicom" / "ProstateX-0000"
    t2, dwi, adc = sorted(patient.glob("*/*.0*"))
    labels = sorted((patient / "picai_labels").glob("*gland*")) or sorted((patient / "picai_labels").rglob("*.nii.gz"))
    (image,) = read_channels(t2, spatial_dims=3)
    (label_map,) = read_channels(labels[0], spatial_dims=3)
    assert image.GetSize() == (384, 384, 19)
    assert Grid.of(image).difference(Grid.of(label_map)) is None
    assert "has 57 slices at 19 places" in refused(dwi)
    assert read_channels(adc, spatial_dims=3)[0].GetSize()[2] == 19
    both = shutil.copytree(t2, tmp_path / "both")
    shutil.copy(next(adc.iterdir()), both / "other.dcm")
    assert "holds 2 DICOM series" in refused(both)
