from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import ndimage
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from medweave.core.errors import UsageError
from medweave.data.likeness import near_duplicate_pairs, perceptual_hashes, thumbnail
from medweave.phantoms.chest_xray import CLASSES, draw_radiograph, write_chest_xray_study

SIZE = 64
N_SUBJECTS = 80


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chest_xray")
    write_chest_xray_study(root, n_cases=40, size_pixels=SIZE, share_without_mask=0.2)
    return root


@pytest.fixture(scope="module")
def drawn() -> list[tuple[str, np.ndarray, np.ndarray]]:
    return [
        (disease, *draw_radiograph(disease, np.random.default_rng([1, n]), anatomy=_anatomy(n), size_pixels=SIZE))
        for n, disease in enumerate(CLASSES * (N_SUBJECTS // len(CLASSES)))
    ]


def _anatomy(number: int) -> np.random.Generator:
    return np.random.default_rng([2, number])


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        assert picture.mode == "L"
        return np.asarray(picture)


def test_study_lies_in_a_folder_a_class(study: Path) -> None:
    assert {path.name for path in study.iterdir() if path.is_dir()} == set(CLASSES)
    images = {path.relative_to(study).as_posix() for path in study.glob("*/images/*")}
    assert len(images) == 40
    assert "Viral Pneumonia/images/Viral Pneumonia-1.png" in images
    assert all(_read(study / image).shape == (SIZE, SIZE) for image in images)


def test_table_names_every_image_its_class_and_its_subject(study: Path) -> None:
    table = pd.read_csv(study / "metadata.csv")
    assert list(table.columns) == ["file", "class", "patient_id"]
    assert set(table["file"]) == {path.relative_to(study).as_posix() for path in study.glob("*/images/*")}
    assert (table["file"].str.split("/").str[0] == table["class"]).all()
    by_subject = table.groupby("patient_id")
    assert (by_subject["class"].nunique() == 1).all()
    assert set(by_subject.size()) == {1, 2, 3}


def test_some_masks_are_left_out_and_the_others_are_black_and_white(study: Path) -> None:
    masks = sorted(study.glob("*/masks/*.png"))
    assert 24 <= len(masks) < 40
    for path in masks:
        assert (study / path.parts[-3] / "images" / path.name).is_file()
        assert set(np.unique(_read(path))) == {0, 255}


def test_no_mask_is_left_out_where_none_shall_be(tmp_path: Path) -> None:
    write_chest_xray_study(tmp_path, n_cases=6, size_pixels=32, share_without_mask=0)
    assert len(list(tmp_path.glob("*/masks/*.png"))) == 6


def test_lungs_are_two_and_lie_inside_beside_the_middle(drawn: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    for _, _, lungs in drawn:
        pieces, _ = ndimage.label(lungs)
        sizes = np.sort(np.bincount(pieces.ravel())[1:])[::-1]
        assert sizes[:2].sum() > 0.98 * lungs.sum()
        assert 0.4 < sizes[1] / sizes[0] <= 1
        assert 0.15 < lungs.mean() < 0.4
        assert not lungs[[0, -1]].any()
        assert not lungs[:, [0, -1]].any()
        right, left = sorted(
            ndimage.center_of_mass(pieces == number)[0] for number in np.argsort(-np.bincount(pieces.flat))[1:3]
        )
        assert right < SIZE / 2 < left


def test_air_is_darker_than_what_lies_around_it(drawn: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    for _, image, lungs in drawn:
        around = ndimage.binary_dilation(lungs, iterations=4) & ~ndimage.binary_dilation(lungs, iterations=1)
        assert image[lungs > 0].mean() < image[around].mean() - 10


def test_brightness_does_not_tell_the_classes_apart(drawn: list[tuple[str, np.ndarray, np.ndarray]]) -> None:
    """Neighbours in mean, deviation and mean of the lungs; a quarter is chance."""
    values = [(image.mean(), image.std(), image[lungs > 0].mean()) for _, image, lungs in drawn]
    truth = [disease for disease, _, _ in drawn]
    rows = (np.array(values) - np.mean(values, axis=0)) / np.std(values, axis=0)
    accuracy = cross_val_score(KNeighborsClassifier(7), rows, truth, cv=5).mean()
    assert accuracy < 0.45


def test_images_of_a_subject_are_alike_but_no_copies(study: Path) -> None:
    table = pd.read_csv(study / "metadata.csv")
    for _, files in table.groupby("patient_id")["file"]:
        images = [_read(study / file) for file in files]
        assert all(not np.array_equal(images[0], image) for image in images[1:])


def test_no_two_images_pass_for_copies(study: Path) -> None:
    images = [_read(path).astype(np.float32) for path in sorted(study.glob("*/images/*"))]
    thumbnails, hashes = [thumbnail(image) for image in images], [perceptual_hashes(image) for image in images]
    assert near_duplicate_pairs(thumbnails, hashes, spatial_dims=2) == []


def test_one_seed_gives_one_study_and_more_images_only_add(tmp_path: Path) -> None:
    for name, n_cases, seed in (("a", 5, 3), ("b", 9, 3), ("c", 5, 4)):
        write_chest_xray_study(tmp_path / name, n_cases=n_cases, seed=seed, size_pixels=32)
    first, larger, other = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).glob("*/images/*"))} for name in "abc"
    )
    assert first == {name: larger[name] for name in first}
    assert len(larger) == 9
    assert not set(first.values()) & set(other.values())


@pytest.mark.parametrize("arguments", [{"n_cases": 0}, {"n_cases": 1, "size_pixels": 16}])
def test_a_study_too_small_is_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="the phantom study is too small"):
        write_chest_xray_study(tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
