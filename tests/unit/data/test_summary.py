from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.data.examination import examine_all
from medweave.data.index import DatasetIndex
from medweave.data.summary import Spread, Summary, summarise


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    cases = []
    for number, size in enumerate((6, 8, 13)):
        image = sitk.GetImageFromArray(np.random.default_rng(number).normal(size=(5, 5, size)).astype(np.float32))
        image.SetSpacing((2.0, 1.0, 1.0))
        label_map = np.zeros((5, 5, size), np.uint8)
        label_map[0, 0, : number * 2] = 1
        labels = sitk.GetImageFromArray(label_map)
        labels.CopyInformation(image)
        paths = [tmp_path / f"{number}_{kind}.nii.gz" for kind in ("image", "label")]
        for written, path in zip((image, labels), paths, strict=True):
            sitk.WriteImage(written, str(path))
        targets = {"grade": "low" if number else "high"}
        cases.append(Case(f"c{number}", "twins" if number else "c0", {"mri": paths[0]}, {"mri": paths[1]}, targets))
    cases.append(Case("broken", "broken", {"mri": tmp_path / "absent.nii.gz"}))
    index = DatasetIndex("set", tmp_path, "msd", tuple(cases), {"mri": {"heart": 1, "lung": 2}})
    return summarise(index, examine_all(index))


def test_cases_and_subjects_are_counted(summary: Summary) -> None:
    assert (summary.n_cases, summary.n_subjects) == (4, 3)
    assert summary.classes == {"grade": {"high": 1, "low": 2}}


def test_patterns_of_images_and_label_maps_are_counted(tmp_path: Path) -> None:
    image = tmp_path / "absent.nii"
    cases = [
        Case("a", "a", {"pre": image, "flair": image}, {"flair": image}),
        Case("b", "b", {"flair": image}),
        Case("c", "c", {}),
    ]
    index = DatasetIndex("set", tmp_path, "table", (*cases, Case("d", "d", {"flair": image})), {})
    summary = summarise(index, examine_all(index))
    assert summary.patterns == {"flair": 2, "flair + pre": 1, "none": 1}
    assert summary.n_label_maps == {"flair": 1}


def test_images_are_measured_along_the_files_axes(summary: Summary) -> None:
    image = summary.images["mri"]
    assert (image.n_cases, image.n_channels, image.orientations) == (3, {1: 3}, {"LPS": 3})
    assert image.size_voxels == (Spread(6, 8, 13), Spread(5, 5, 5), Spread(5, 5, 5))
    assert image.size_mm[0] == Spread(12, 16, 26)
    assert image.spacing_mm[0] == Spread(2, 2, 2)


def test_volumes_are_taken_over_the_cases_that_have_the_structure(summary: Summary) -> None:
    heart, lung = summary.structures["mri"]["heart"], summary.structures["mri"]["lung"]
    assert (heart.n_cases, heart.n_label_maps, heart.unit) == (2, 3, "mL")
    assert heart.voxels == Spread(2, 3, 4)
    assert heart.volume_ml is not None
    assert heart.volume_ml.median == pytest.approx(0.006)
    assert (lung.n_cases, lung.voxels, lung.volume_ml) == (0, None, None)
