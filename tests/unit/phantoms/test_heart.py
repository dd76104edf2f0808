from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from medweave.core.errors import UsageError
from medweave.core.files import read_json
from medweave.phantoms.heart import ORIENTATIONS, draw_heart, write_heart_study

SMALL = (32, 32, 24)


def _draw(number: int) -> tuple[sitk.Image, sitk.Image]:
    return draw_heart(np.random.default_rng([7, number]), size_voxels=SMALL)


def _bytes(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "imagesTr").iterdir())}


@pytest.fixture(scope="module")
def cases() -> list[tuple[sitk.Image, sitk.Image]]:
    return [_draw(number) for number in range(24)]


def test_study_has_the_files_that_its_description_names(heart_study: Path) -> None:
    description = read_json(heart_study / "dataset.json")
    assert description["labels"] == {"0": "background", "1": "left atrium"}
    assert len(description["training"]) == description["numTraining"] == 6
    named = {Path(path).as_posix() for entry in description["training"] for path in entry.values()}
    assert named == {path.relative_to(heart_study).as_posix() for path in heart_study.glob("*/*.nii.gz")}


def test_files_hold_int16_images_and_uint8_labels_on_one_grid(heart_study: Path) -> None:
    for path in (heart_study / "imagesTr").iterdir():
        image, label_map = nibabel.load(path), nibabel.load(heart_study / "labelsTr" / path.name)
        assert (image.get_data_dtype(), label_map.get_data_dtype()) == (np.int16, np.uint8)
        assert image.shape == label_map.shape
        np.testing.assert_array_equal(image.affine, label_map.affine)


def test_one_seed_gives_one_study_and_more_cases_only_add(tmp_path: Path) -> None:
    for name, n_cases, seed in (("a", 2, 3), ("b", 3, 3), ("c", 2, 4)):
        write_heart_study(tmp_path / name, n_cases=n_cases, seed=seed, size_voxels=(16, 16, 12))
    first, larger, other = (_bytes(tmp_path / name) for name in "abc")
    assert first == {name: larger[name] for name in first}
    assert not set(first.values()) & set(other.values())


def test_atrium_is_one_piece_of_the_size_of_an_atrium(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    for _, label_map in cases:
        labels = sitk.GetArrayFromImage(label_map)
        assert set(np.unique(labels)) == {0, 1}
        pieces, _ = ndimage.label(labels)
        sizes = np.bincount(pieces.ravel())[1:]
        assert sizes.max() / sizes.sum() > 0.97
        assert 40 < labels.sum() * np.prod(label_map.GetSpacing()) / 1000 < 180


def test_atrium_lies_inside_the_image(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    for _, label_map in cases:
        labels = sitk.GetArrayFromImage(label_map)
        inner = labels[1:-1, 1:-1, 1:-1].sum()
        assert inner / labels.sum() > 0.98


def test_brightness_alone_does_not_find_the_atrium(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    for image, label_map in cases:
        voxels, labels = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(label_map) > 0
        best = max(_dice(voxels >= threshold, labels) for threshold in np.percentile(voxels[labels], range(0, 100, 5)))
        assert best < 0.55


def test_atrium_stands_out_from_muscle_and_noise(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    for image, label_map in cases:
        voxels, labels = sitk.GetArrayFromImage(image), sitk.GetArrayFromImage(label_map) > 0
        assert voxels[labels].mean() > 2.5 * np.median(voxels[~labels])
        assert voxels[labels].mean() > 5 * voxels[labels].std()


def test_axes_of_the_files_differ(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    orient = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines
    assert {orient(image.GetDirection()) for image, _ in cases} == set(ORIENTATIONS)


def test_anatomy_is_where_the_affine_says(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    """In the patient's frame the ventricles lie in front of and below the atrium, whatever the file's axes are."""
    for image, label_map in cases:
        oriented, labels = (sitk.GetArrayFromImage(sitk.DICOMOrient(item, "LPS")) for item in (image, label_map))
        is_bright_elsewhere = (oriented > np.median(oriented[labels > 0]) * 0.8) & (labels == 0)
        others = np.argwhere(is_bright_elsewhere)[:, 1].mean()
        atrium = np.argwhere(labels)[:, 1].mean()
        assert others < atrium


def test_sizes_and_spacings_vary_around_what_was_asked(cases: list[tuple[sitk.Image, sitk.Image]]) -> None:
    oriented = [sitk.DICOMOrient(image, "LPS") for image, _ in cases]
    sizes = np.array([image.GetSize() for image in oriented])
    spacings = np.array([image.GetSpacing() for image in oriented])
    np.testing.assert_allclose(sizes.mean(axis=0), SMALL, rtol=0.12)
    assert len({tuple(size) for size in sizes}) > 12
    assert (spacings.max(axis=0) / spacings.min(axis=0) > 1.15).all()


def test_default_voxels_are_those_of_a_quick_heart_scan() -> None:
    image, _ = draw_heart(np.random.default_rng(0), size_voxels=(64, 64, 40))
    assert all(2 <= spacing <= 3.6 for spacing in image.GetSpacing())


@pytest.mark.parametrize("arguments", [{"n_cases": 0}, {"n_cases": 1, "size_voxels": (64, 64, 4)}])
def test_study_too_small_is_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="the phantom study is too small"):
        write_heart_study(tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))
