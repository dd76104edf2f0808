"""A folder of DICOM files is an image wherever a path of one is taken."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.preprocessing.cache import ArrayStore


@pytest.fixture
def series(tmp_path: Path, write_dicom_slice: Callable[..., None]) -> Path:
    """Eight slices 4 mm apart, with a bright block of 4 x 3 x 2 voxels."""
    voxels = np.zeros((8, 12, 10), np.int16)
    voxels[3:5, 4:7, 2:6] = 900
    folder = tmp_path / "patient.1"
    folder.mkdir()
    for number, values in enumerate(voxels):
        place = {"0020|0032": f"5\\-3\\{20 + 4 * number}"}
        write_dicom_slice(folder / f"{9 - number}.dcm", values, spacing_mm=(1.5, 2.0), **place)
    return folder


def test_a_series_is_predicted_on_its_own_grid(
    medweave: Callable[..., Any], volume_bundle: Path, series: Path, tmp_path: Path
) -> None:
    result = medweave("predict", volume_bundle, series, "--output", tmp_path / "out")
    assert result.code == 0, result.stderr
    (path,) = (tmp_path / "out").rglob("*.nii.gz")
    mask = sitk.ReadImage(path)
    assert path.name.startswith("patient.1")
    np.testing.assert_allclose(mask.GetSpacing(), (1.5, 2.0, 4.0), atol=1e-5)
    np.testing.assert_allclose(mask.GetOrigin(), (5, -3, 20), atol=1e-5)
    found = np.argwhere(sitk.GetArrayFromImage(mask))
    assert (found.min(axis=0).tolist(), found.max(axis=0).tolist(), len(found)) == ([3, 4, 2], [4, 6, 5], 24)


def test_a_table_may_name_series(medweave: Callable[..., Any], series: Path, tmp_path: Path) -> None:
    with (tmp_path / "cases.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["case_id", "image.image"], ["a", series.name]])
    result = medweave("inspect", tmp_path / "cases.csv", "--json")
    assert result.code == 0, result.stderr
    assert "10" in result.stdout
    assert "unreadable" not in result.stdout


def test_a_series_that_changed_is_preprocessed_again(series: Path, tmp_path: Path) -> None:
    store = ArrayStore(tmp_path / "store")
    before = store.key({}, [series])
    assert store.key({}, [series]) == before
    path = series / "5.dcm"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert store.key({}, [series]) != before
