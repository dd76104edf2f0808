from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from scipy import ndimage, stats
from sklearn.metrics import roc_auc_score

from medweave.core.errors import UsageError
from medweave.phantoms.vessel import MODALITIES, Plaque, draw_modalities, draw_plaque, write_vessel_study

PARTS = ("thickening", "haemorrhage", "calcium")
SIZE = 48


@pytest.fixture(scope="module")
def drawn() -> list[tuple[Plaque, dict[str, np.ndarray]]]:
    cases = []
    for number in range(100):
        rng = np.random.default_rng([5, number])
        plaque = draw_plaque(rng, is_severe=number % 2 == 1)
        images = draw_modalities(plaque, rng, size_voxels=SIZE)
        cases.append((plaque, {name: sitk.GetArrayFromImage(image).astype(float) for name, image in images.items()}))
    return cases


def _burden(name: str, image: np.ndarray) -> float:
    """Count what a modality shows of the plaque: bright wall, bright blood, calcium above 500 HU."""
    if name == "ct_scans":
        return float((image > 500).sum())
    smooth = ndimage.gaussian_filter(image, 1 if name == "vw_mri" else 0.5)
    return float((smooth > (1.3 if name == "vw_mri" else 1.4) * np.median(smooth)).sum())


def _burdens(drawn: list[tuple[Plaque, dict[str, np.ndarray]]]) -> np.ndarray:
    return np.array([[_burden(name, images[name]) for name in MODALITIES] for _, images in drawn])


def test_label_is_the_whole_burden() -> None:
    assert Plaque(1.0, -0.5, -0.4).is_severe
    assert not Plaque(1.0, -0.5, -0.6).is_severe


def test_plaques_are_drawn_with_the_label_asked_for_and_off_its_border() -> None:
    for is_severe in (True, False):
        drawn = [draw_plaque(np.random.default_rng(seed), is_severe=is_severe) for seed in range(100)]
        burdens = np.array([plaque.thickening + plaque.haemorrhage + plaque.calcium for plaque in drawn])
        assert ((burdens > 0.6) if is_severe else (burdens < -0.6)).all()
        assert all(plaque.is_severe == is_severe for plaque in drawn)


def test_each_modality_shows_its_own_part(drawn: list[tuple[Plaque, dict[str, np.ndarray]]]) -> None:
    burdens = _burdens(drawn)
    for position, part in enumerate(PARTS):
        severity = [getattr(plaque, part) for plaque, _ in drawn]
        ranks = [stats.spearmanr(burdens[:, column], severity).statistic for column in range(3)]
        assert ranks[position] > 0.85
        assert max(rank for column, rank in enumerate(ranks) if column != position) < 0.4


def test_a_modality_alone_leaves_a_doubt_that_the_others_settle(
    drawn: list[tuple[Plaque, dict[str, np.ndarray]]],
) -> None:
    truth = [plaque.is_severe for plaque, _ in drawn]
    ranks = stats.rankdata(_burdens(drawn), axis=0)
    alone = [roc_auc_score(truth, ranks[:, column]) for column in range(3)]
    assert all(0.65 < auc < 0.9 for auc in alone)
    assert roc_auc_score(truth, ranks.sum(axis=1)) > 0.97


def test_images_have_two_and_three_dimensions_and_the_units_of_their_kind() -> None:
    images = draw_modalities(Plaque(0, 0, 0), np.random.default_rng(0), size_voxels=SIZE)
    assert {name: image.GetSize() for name, image in images.items()} == {
        "vw_mri": (SIZE, SIZE, SIZE // 2),
        "regular_mri": (SIZE, SIZE),
        "ct_scans": (SIZE, SIZE),
    }
    assert images["vw_mri"].GetSpacing() == pytest.approx((0.5, 0.5, 4 / 3))
    ct = sitk.GetArrayFromImage(images["ct_scans"])
    assert np.median(ct[:, :2]) == pytest.approx(-90, abs=8)  # fat
    assert ct.max() > 600
    assert all(sitk.GetArrayFromImage(images[name]).min() >= 0 for name in ("vw_mri", "regular_mri"))


def test_a_case_has_one_file_name_in_every_folder_and_a_label(tmp_path: Path) -> None:
    write_vessel_study(tmp_path, n_cases=6, size_voxels=16, share_incomplete=0)
    table = pd.read_csv(tmp_path / "labels.csv")
    assert list(table.columns) == ["filename", "label"]
    assert table["label"].tolist() == [0, 1, 0, 1, 0, 1]
    for modality in MODALITIES:
        assert sorted(path.name for path in (tmp_path / modality).iterdir()) == table["filename"].tolist()
    name = table["filename"][0]
    assert [nibabel.load(tmp_path / modality / name).ndim for modality in MODALITIES] == [3, 2, 2]
    assert nibabel.load(tmp_path / "ct_scans" / name).get_data_dtype() == np.int16


def test_incomplete_cases_lack_one_modality_or_two(tmp_path: Path) -> None:
    write_vessel_study(tmp_path, n_cases=40, size_voxels=16, share_incomplete=0.5)
    names = pd.read_csv(tmp_path / "labels.csv")["filename"]
    there = np.array([[(tmp_path / modality / name).is_file() for modality in MODALITIES] for name in names])
    assert set(there.sum(axis=1)) == {1, 2, 3}
    assert 0.25 < (there.sum(axis=1) < 3).mean() < 0.75
    assert (there.mean(axis=0) < 1).all()


def test_one_seed_gives_one_study_and_more_cases_only_add(tmp_path: Path) -> None:
    for name, n_cases, seed in (("a", 3, 3), ("b", 5, 3), ("c", 3, 4)):
        write_vessel_study(tmp_path / name, n_cases=n_cases, seed=seed, size_voxels=16)
    first, larger, other = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).glob("*/*.nii.gz")}
        for name in "abc"
    )
    assert first == {name: larger[name] for name in first}
    assert not set(first.values()) & set(other.values())


@pytest.mark.parametrize("arguments", [{"n_cases": 0}, {"n_cases": 1, "size_voxels": 8}])
def test_a_study_too_small_is_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="the phantom study is too small"):
        write_vessel_study(tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
