from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medweave.core.errors import DataError
from medweave.data.facts import CaseFacts, Histogram, ImageFacts, Intensity, LabelMapFacts
from medweave.data.fingerprint import Fingerprint
from medweave.preprocessing.geometry import Grid

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SLP = (0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
EMPTY = Histogram(0.0, 0.0, np.zeros(1, np.int64))


def image(size: tuple[int, ...], spacing: tuple[float, ...], top: float, direction: tuple[float, ...]) -> ImageFacts:
    return ImageFacts(
        path=Path("image.nii"),
        grid=Grid(size, spacing, (0.0,) * len(size), direction),
        n_channels=1,
        pixel_type="32-bit float",
        intensity=(Intensity.of(np.array([0, top], np.float32)),),
        foreground_intensity=(Intensity.of(np.array([top], np.float32)),),
        sha256="",
        perceptual_hashes=(),
        thumbnail=np.zeros(1, np.float32),
        histogram=EMPTY,
        foreground_histogram=None,
    )


def case(case_id: str, facts: ImageFacts, voxels: int, grade: str) -> CaseFacts:
    label_map = LabelMapFacts(Path("l.nii"), facts.grid, {"heart": voxels}, {"heart": voxels / 1000}, 1000 - voxels, "")
    return CaseFacts(case_id, case_id, {"grade": grade}, {"image": facts}, {"image": label_map}, ())


@pytest.fixture
def fingerprint() -> Fingerprint:
    return Fingerprint.of(
        [
            case("a", image((10, 20, 30), (1.0, 1.0, 2.0), 10, IDENTITY), 100, "low"),
            case("b", image((12, 20, 40), (1.0, 2.0, 2.0), 20, IDENTITY), 0, "low"),
            case("c", image((50, 10, 20), (4.0, 1.0, 1.0), 60, SLP), 300, "high"),
        ]
    )


def test_spacing_is_the_median_along_the_files_axes(fingerprint: Fingerprint) -> None:
    assert fingerprint.n_cases == 3
    assert fingerprint.median_spacing_mm() == (1.0, 1.0, 2.0)


def test_axes_are_permuted_to_the_wanted_orientation_first(fingerprint: Fingerprint) -> None:
    assert [sampling.orientation for sampling in fingerprint.images["image"].samplings] == ["LPS", "LPS", "SLP"]
    # Case c in LPS: size (10, 20, 50), spacing (1, 1, 4).
    assert fingerprint.median_spacing_mm(orientation="LPS") == (1.0, 1.0, 2.0)
    assert fingerprint.median_size_mm(orientation="LPS") == (10.0, 20.0, 80.0)
    assert fingerprint.median_size_voxels_at(None, orientation="LPS") == (10, 20, 40)
    assert fingerprint.largest_size_voxels_at(None, orientation="LPS") == (12, 20, 50)
    assert fingerprint.largest_size_voxels_at((2.0, 2.0, 2.0), orientation="LPS") == (6, 20, 100)
    assert fingerprint.median_size_voxels_at((2.0, 2.0, 2.0), orientation="SLP") == (40, 5, 10)


def test_intensity_is_the_median_over_cases(fingerprint: Fingerprint) -> None:
    assert fingerprint.images["image"].intensity[0].maximum == 20
    assert fingerprint.images["image"].foreground_intensity[0].mean == 20


def test_structures_and_classes_are_counted(fingerprint: Fingerprint) -> None:
    heart = fingerprint.structures["image"]["heart"]
    assert (heart.n_cases, heart.frequency, heart.voxels, heart.median_volume_ml) == (2, pytest.approx(2 / 3), 400, 0.2)
    assert fingerprint.background_voxels == {"image": 2600}
    assert fingerprint.classes == {"grade": {"high": 1, "low": 2}}


def test_images_are_chosen_by_name(fingerprint: Fingerprint) -> None:
    with pytest.raises(DataError, match=r"no common size: got no images"):
        fingerprint.median_spacing_mm(image_names=["flair"])
    assert fingerprint.median_spacing_mm(image_names=["image"]) == fingerprint.median_spacing_mm()


def test_2d_and_3d_images_have_no_common_size() -> None:
    flat = replace(case("b", image((8, 9), (1.0, 1.0), 3, (1.0, 0.0, 0.0, 1.0)), 1, "low"))
    mixed = Fingerprint.of([case("a", image((10, 20, 30), (1.0, 1.0, 2.0), 10, IDENTITY), 100, "low"), flat])
    with pytest.raises(DataError, match="got 2D and 3D images"):
        mixed.median_spacing_mm()


def test_fingerprint_is_saved_and_loaded(fingerprint: Fingerprint, tmp_path: Path) -> None:
    fingerprint.save(tmp_path / "fingerprint.json")
    assert Fingerprint.load(tmp_path / "fingerprint.json") == fingerprint
