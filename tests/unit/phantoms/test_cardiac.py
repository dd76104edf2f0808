from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from medweave.core.errors import UsageError
from medweave.phantoms.cardiac import BeatingHeart, draw_beating_heart, write_cardiac_study
from medweave.phantoms.physiology import DIAGNOSES

SIZE = (64, 64)
CASES_A_DIAGNOSIS = 12


@pytest.fixture(scope="module")
def drawn() -> list[BeatingHeart]:
    return [
        draw_beating_heart(diagnosis, np.random.default_rng([11, number]), size_voxels=SIZE)
        for number in range(CASES_A_DIAGNOSIS)
        for diagnosis in DIAGNOSES
    ]


def _measured(case: BeatingHeart) -> dict[str, float]:
    """Measure the label maps: voxels counted, and the wall along rays from the middle of the cavity."""
    voxel_ml = np.prod(case.images[0].GetSpacing()) / 1000
    surface_m2 = np.sqrt(case.heart.height_cm * case.heart.weight_kg / 3600)
    values = {}
    for phase, label_map in zip(("ed", "es"), case.label_maps, strict=True):
        labels = sitk.GetArrayFromImage(label_map)
        for name, value in (("rv", 1), ("lv", 3)):
            values[f"{name}_{phase}"] = (labels == value).sum() * voxel_ml / surface_m2
        values[f"mass_{phase}"] = (labels == 2).sum() * voxel_ml * 1.05
        wall = _wall_mm(labels, case.images[0].GetSpacing()[0])
        values[f"thickest_{phase}"], values[f"thinnest_{phase}"] = wall.max(), wall.min()
    for name in ("rv", "lv"):
        values[f"{name}_ejection"] = 100 * (1 - values[f"{name}_es"] / values[f"{name}_ed"])
    return values


def _wall_mm(labels: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Return the wall's thickness by angle in the slice that is a third of the way from base to apex."""
    slices = np.flatnonzero((labels == 3).any(axis=(1, 2)))
    plane = labels[slices[len(slices) // 3]]
    middle = np.array(ndimage.center_of_mass(plane == 3))
    angles = np.radians(np.arange(0, 360, 10))
    steps = np.arange(0, 60 / spacing_mm, 0.1)
    rays = middle[:, None, None] + steps * np.stack([np.sin(angles), np.cos(angles)])[:, :, None]
    on_wall = ndimage.map_coordinates((plane == 2).astype(float), rays, order=1) > 0.5
    return on_wall.sum(axis=1) * 0.1 * spacing_mm


@pytest.fixture(scope="module")
def measured(drawn: list[BeatingHeart]) -> dict[str, list[dict[str, float]]]:
    return {
        diagnosis: [_measured(case) for case in drawn if case.heart.diagnosis == diagnosis] for diagnosis in DIAGNOSES
    }


def _of(cases: list[dict[str, float]], name: str) -> np.ndarray:
    return np.array([case[name] for case in cases])


def test_volumes_and_ejection_are_those_of_the_subject(drawn: list[BeatingHeart]) -> None:
    for case in drawn:
        heart, values = case.heart, _measured(case)
        surface_m2 = np.sqrt(heart.height_cm * heart.weight_kg / 3600)
        assert values["lv_ed"] * surface_m2 == pytest.approx(heart.left_end_diastolic_ml, rel=0.02)
        assert values["rv_ed"] * surface_m2 == pytest.approx(heart.right_end_diastolic_ml, rel=0.04)
        assert values["lv_ejection"] == pytest.approx(heart.left_ejection_percent, abs=1.5)
        assert values["rv_ejection"] == pytest.approx(heart.right_ejection_percent, abs=3)


def test_label_maps_meet_the_bounds_of_each_diagnosis(measured: dict[str, list[dict[str, float]]]) -> None:
    """Bernard et al., IEEE TMI 2018: what defines the five groups of ACDC."""
    assert (_of(measured["NOR"], "lv_ejection") > 50).all()
    assert (_of(measured["NOR"], "lv_ed") < 90).all()
    assert (_of(measured["NOR"], "rv_ed") < 108).all()
    assert (_of(measured["NOR"], "rv_ejection") > 40).all()
    assert (_of(measured["MINF"], "lv_ejection") < 40).all()
    assert (_of(measured["DCM"], "lv_ejection") < 40).all()
    assert (_of(measured["DCM"], "lv_ed") > 100).all()
    assert (_of(measured["DCM"], "thickest_ed") < 12).all()
    assert (_of(measured["HCM"], "lv_ejection") > 55).all()
    assert (_of(measured["HCM"], "thickest_ed") > 15).all()


def test_the_infarcted_segment_alone_does_not_thicken(measured: dict[str, list[dict[str, float]]]) -> None:
    assert (_of(measured["MINF"], "thinnest_es") < 8).all()
    assert (_of(measured["MINF"], "thickest_es") > 1.4 * _of(measured["MINF"], "thinnest_es")).all()
    assert (_of(measured["NOR"], "thinnest_es") > 8).all()


def test_muscle_weighs_what_it_weighs_and_the_same_at_both_moments(drawn: list[BeatingHeart]) -> None:
    masses = np.array([(values["mass_ed"], values["mass_es"]) for values in map(_measured, drawn)])
    assert ((masses > 60) & (masses < 300)).all()
    np.testing.assert_allclose(masses[:, 1] / masses[:, 0], 1, atol=0.22)
    assert np.mean(masses[:, 1] / masses[:, 0]) == pytest.approx(1, abs=0.03)


def _best_threshold(sick: list[dict[str, float]], sound: list[dict[str, float]], name: str) -> float:
    """Return the share that the best threshold on one number tells right."""
    both = np.concatenate([_of(sick, name), _of(sound, name)])
    is_sick = np.arange(len(both)) < len(sick)
    right = max(np.mean((both > threshold) == is_sick) for threshold in both)
    return float(max(right, *(np.mean((both < threshold) == is_sick) for threshold in both)))


def test_end_diastole_alone_does_not_tell_who_is_sick(measured: dict[str, list[dict[str, float]]]) -> None:
    for name in ("lv_ed", "mass_ed", "thickest_ed"):
        assert _best_threshold(measured["MINF"], measured["NOR"], name) < 0.8
    assert _best_threshold(measured["MINF"], measured["NOR"], "lv_ejection") == 1


def test_a_right_ventricle_is_judged_by_both_moments(measured: dict[str, list[dict[str, float]]]) -> None:
    sick, sound = measured["RV"], measured["NOR"] + measured["MINF"] + measured["DCM"] + measured["HCM"]
    assert _best_threshold(sick, measured["NOR"], "rv_ed") < 0.9
    assert _best_threshold(sick, measured["NOR"], "rv_es") < 0.95
    for cases, abnormal in ((sick, True), (sound, False)):
        assert (((_of(cases, "rv_ed") > 110) | (_of(cases, "rv_ejection") < 40)) == abnormal).all()


def test_structures_are_whole_and_nested_and_lie_inside_the_image(drawn: list[BeatingHeart]) -> None:
    for case in drawn:
        for label_map in case.label_maps:
            labels = sitk.GetArrayFromImage(label_map)
            assert set(np.unique(labels)) == {0, 1, 2, 3}
            assert not labels[:, [0, -1]].any()
            assert not labels[:, :, [0, -1]].any()
            pieces, n_pieces = ndimage.label(labels > 0)
            assert np.bincount(pieces.ravel())[1:].max() > 0.99 * (labels > 0).sum(), n_pieces
            around = ndimage.binary_dilation(labels == 3, np.ones((1, 3, 3))) & (labels != 3)
            assert (labels[around] == 2).all()


def test_the_base_comes_down_but_blood_stays_where_it_was(drawn: list[BeatingHeart]) -> None:
    """Above the base lie the atria: a slice that loses its label keeps the brightness of blood."""
    n = 0
    for case in drawn:
        labels = [sitk.GetArrayFromImage(label_map) for label_map in case.label_maps]
        first = [int(np.flatnonzero((label == 3).any(axis=(1, 2)))[0]) for label in labels]
        assert first[0] <= first[1]
        if first[0] < first[1]:
            images = [sitk.GetArrayFromImage(image)[first[0]] for image in case.images]
            core = ndimage.binary_erosion(labels[0][first[0]] == 3, iterations=6)
            n += core.any()
            assert not core.any() or images[1][core].mean() > 0.85 * images[0][core].mean()
    assert n > 10


def test_brightness_alone_does_not_tell_ventricle_from_atrium_and_vessel(drawn: list[BeatingHeart]) -> None:
    for case in drawn[:10]:
        voxels = sitk.GetArrayFromImage(case.images[0])
        is_left = sitk.GetArrayFromImage(case.label_maps[0]) == 3
        for threshold in np.percentile(voxels[is_left], range(5, 100, 10)):
            found = voxels >= threshold
            assert 2 * (found & is_left).sum() / (found.sum() + is_left.sum()) < 0.75


def test_a_case_has_the_files_and_facts_of_acdc(tmp_path: Path) -> None:
    write_cardiac_study(tmp_path, n_cases=2, size_voxels=(24, 24))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["patient001", "patient002"]
    lines = (tmp_path / "patient002/Info.cfg").read_text().splitlines()
    facts = dict(line.split(": ") for line in lines)
    assert list(facts) == ["ED", "ES", "Group", "Height", "NbFrame", "Weight"]
    assert (facts["ED"], facts["Group"]) == ("1", "MINF")
    assert 1 < int(facts["ES"]) < int(facts["NbFrame"])
    names = {path.name for path in (tmp_path / "patient002").glob("*.nii.gz")}
    frames = [f"patient002_frame{int(facts[moment]):02d}" for moment in ("ED", "ES")]
    assert names == {f"{frame}{suffix}.nii.gz" for frame in frames for suffix in ("", "_gt")}
    image, labels = (nibabel.load(tmp_path / f"patient002/{frames[0]}{suffix}.nii.gz") for suffix in ("", "_gt"))
    assert (image.get_data_dtype(), labels.get_data_dtype()) == (np.int16, np.uint8)
    np.testing.assert_array_equal(image.affine, labels.affine)


def test_slices_are_thick_and_voxels_as_asked(drawn: list[BeatingHeart]) -> None:
    sizes = np.array([case.images[0].GetSize() for case in drawn])
    spacings = np.array([case.images[0].GetSpacing() for case in drawn])
    assert set(spacings[:, 2].tolist()) == {9.0, 10.0}
    np.testing.assert_allclose(sizes[:, :2].mean(axis=0), SIZE, rtol=0.05)
    assert ((sizes[:, 2] >= 8) & (sizes[:, 2] <= 15)).all()
    assert all(case.images[0].GetSize() == case.label_maps[1].GetSize() for case in drawn)


def test_one_seed_gives_one_study_and_more_cases_only_add(tmp_path: Path) -> None:
    for name, n_cases, seed in (("a", 2, 3), ("b", 3, 3), ("c", 2, 4)):
        write_cardiac_study(tmp_path / name, n_cases=n_cases, seed=seed, size_voxels=(16, 16))
    first, larger, other = (
        {path.name: path.read_bytes() for path in sorted((tmp_path / name).rglob("*_frame01.nii.gz"))} for name in "abc"
    )
    assert first == {name: larger[name] for name in first}
    assert len(larger) == 3
    assert not set(first.values()) & set(other.values())


@pytest.mark.parametrize("arguments", [{"n_cases": 0}, {"n_cases": 1, "size_voxels": (64, 8)}])
def test_a_study_too_small_is_refused(tmp_path: Path, arguments: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="the phantom study is too small"):
        write_cardiac_study(tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()
