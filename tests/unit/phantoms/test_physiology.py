import numpy as np
import pytest

from medweave.phantoms.physiology import ANGLES, DIAGNOSES, Heart, draw_heart

N = 60


def _draw(diagnosis: str) -> list[Heart]:
    return [draw_heart(diagnosis, np.random.default_rng([3, number])) for number in range(N)]


@pytest.fixture(scope="module")
def hearts() -> dict[str, list[Heart]]:
    return {diagnosis: _draw(diagnosis) for diagnosis in DIAGNOSES}


def _surface_m2(heart: Heart) -> float:
    return float(np.sqrt(heart.height_cm * heart.weight_kg / 3600))


def test_there_are_the_five_diagnoses_of_acdc() -> None:
    assert DIAGNOSES == ("NOR", "MINF", "DCM", "HCM", "RV")


def test_bodies_are_those_of_adults(hearts: dict[str, list[Heart]]) -> None:
    for heart in (heart for drawn in hearts.values() for heart in drawn):
        assert 140 < heart.height_cm < 205
        assert 18 < heart.weight_kg / (heart.height_cm / 100) ** 2 < 33


def test_only_dilated_cardiomyopathy_fills_more_than_100_ml_a_square_metre(hearts: dict[str, list[Heart]]) -> None:
    for diagnosis, drawn in hearts.items():
        indexed = np.array([heart.left_end_diastolic_ml / _surface_m2(heart) for heart in drawn])
        assert (indexed > 100).all() if diagnosis == "DCM" else (indexed < 100).all()


def test_infarction_and_dilation_eject_less_than_40_percent(hearts: dict[str, list[Heart]]) -> None:
    for diagnosis, drawn in hearts.items():
        ejected = np.array([heart.left_ejection_percent for heart in drawn])
        assert (ejected < 40).all() if diagnosis in ("MINF", "DCM") else (ejected > 50).all()
        assert diagnosis != "HCM" or (ejected > 55).all()


def test_an_abnormal_right_ventricle_is_large_or_weak_or_both(hearts: dict[str, list[Heart]]) -> None:
    kinds = set()
    for diagnosis, drawn in hearts.items():
        for heart in drawn:
            is_large = heart.right_end_diastolic_ml / _surface_m2(heart) > 110
            is_weak = heart.right_ejection_percent < 40
            assert (is_large or is_weak) == (diagnosis == "RV")
            kinds.add((is_large, is_weak))
    assert kinds == {(False, False), (True, False), (False, True), (True, True)}


def test_only_hypertrophic_walls_exceed_15_mm(hearts: dict[str, list[Heart]]) -> None:
    for diagnosis, drawn in hearts.items():
        thickest = np.array([heart.wall_mm.max() for heart in drawn])
        assert (thickest > 15.5).all() if diagnosis == "HCM" else (thickest < 12).all()


def test_an_infarcted_segment_is_thin_and_stands_still(hearts: dict[str, list[Heart]]) -> None:
    for heart in hearts["MINF"]:
        still = heart.motility < 0.05
        assert 45 < still.sum() < 180
        assert heart.wall_mm[still].mean() < 0.95 * heart.wall_mm[heart.motility > 0.9].mean()
    for heart in hearts["NOR"]:
        assert heart.motility.min() > 0.9


def test_the_right_ventricle_lies_on_the_septal_side(hearts: dict[str, list[Heart]]) -> None:
    for heart in hearts["NOR"]:
        assert heart.crescent.max() == pytest.approx(1, abs=1e-3)
        assert abs(ANGLES[heart.crescent.argmax()] - heart.septum_radians) < 0.02
        assert 100 < (heart.crescent > 0.01).sum() < 200


def test_one_seed_gives_one_heart() -> None:
    first, second, other = (draw_heart("HCM", np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.wall_mm, second.wall_mm)
    assert first.left_end_diastolic_ml == second.left_end_diastolic_ml != other.left_end_diastolic_ml
