from dataclasses import replace

import numpy as np
import pytest

from medweave.phantoms.physiology import ANGLES, Heart, draw_heart
from medweave.phantoms.ventricles import Ventricles, apex_mm, filled_and_emptied

ROUND = Heart(
    diagnosis="NOR",
    height_cm=180,
    weight_kg=80,
    left_end_diastolic_ml=2 / 3 * np.pi * 25**2 * 90 / 1000,
    left_ejection_percent=60,
    right_end_diastolic_ml=150,
    right_ejection_percent=50,
    length_mm=90,
    outline=np.ones(360),
    wall_mm=np.full(360, 8.0),
    motility=np.ones(360),
    septum_radians=np.pi,
    right_half_width_radians=1.3,
)
FINE = np.arange(0.25, 110, 0.5)


def _left_ml(ventricles: Ventricles, slices: np.ndarray, thickness: float) -> float:
    radii = np.outer(ventricles.axis.cavity_taper(slices), ventricles.cavity_mm)
    return float((radii**2)[slices >= ventricles.axis.base_mm].mean(axis=1).sum() * np.pi * thickness / 1000)


def _muscle_ml(ventricles: Ventricles) -> float:
    """Half ellipsoids of the wall and of the cavity: 2/3 π r² l."""
    axis = ventricles.axis
    wall, cavity = np.mean(ventricles.wall_mm**2) * axis.wall_mm, np.mean(ventricles.cavity_mm**2) * axis.cavity_mm
    return float(2 / 3 * np.pi * (wall - cavity) / 1000)


def test_a_round_heart_has_the_radius_of_half_an_ellipsoid() -> None:
    filled, emptied = filled_and_emptied(ROUND, FINE, slice_thickness_mm=0.5)
    np.testing.assert_allclose(filled.cavity_mm, 25, rtol=2e-3)
    np.testing.assert_allclose(filled.wall_mm - filled.cavity_mm, 8)
    length = emptied.axis.cavity_mm
    np.testing.assert_allclose(emptied.cavity_mm, np.sqrt(0.4 * 25**2 * 90 / length), rtol=1e-2)


def test_the_base_comes_down_and_the_apex_stays() -> None:
    filled, emptied = filled_and_emptied(ROUND, FINE, slice_thickness_mm=0.5)
    assert filled.axis.base_mm == 0
    assert emptied.axis.base_mm == pytest.approx(0.28 * 0.6 * 90)
    for axis in (filled.axis, emptied.axis):
        assert axis.base_mm + axis.cavity_mm == pytest.approx(90)
        assert axis.base_mm + axis.wall_mm == pytest.approx(apex_mm(ROUND))


@pytest.mark.parametrize("start", [-9.0, -4.0, 0.0])
def test_volumes_on_thick_slices_are_those_of_the_subject(start: float) -> None:
    slices = np.arange(start, 105, 10)
    for diagnosis in ("MINF", "HCM"):
        heart = draw_heart(diagnosis, np.random.default_rng(5))
        filled, emptied = filled_and_emptied(heart, slices, slice_thickness_mm=10)
        assert _left_ml(filled, slices, 10) == pytest.approx(heart.left_end_diastolic_ml)
        left_over = 1 - heart.left_ejection_percent / 100
        assert _left_ml(emptied, slices, 10) == pytest.approx(left_over * heart.left_end_diastolic_ml)


def test_the_crescent_holds_the_right_ventricles_volume() -> None:
    """Count points of a millimetre lattice between the wall and the crescent's outer edge."""
    slices = np.arange(0.5, 105)
    x, y = np.meshgrid(np.arange(-100, 100) + 0.5, np.arange(-100, 100) + 0.5)
    angle = np.rint(np.degrees(np.arctan2(y, x))).astype(int) % 360
    for ventricles, share in zip(filled_and_emptied(ROUND, slices, slice_thickness_mm=1), (1, 0.5), strict=True):
        axis, n = ventricles.axis, 0
        for along in slices[slices >= axis.base_mm]:
            inner = ventricles.wall_mm[angle] * axis.wall_taper(along)
            outer = inner + ventricles.right_mm[angle] * axis.right_taper(along)
            n += ((np.hypot(x, y) > inner) & (np.hypot(x, y) < outer)).sum()
        assert n / 1000 == pytest.approx(share * 150, rel=0.01)


def test_muscle_keeps_its_volume_where_all_of_it_moves() -> None:
    filled, emptied = filled_and_emptied(ROUND, FINE, slice_thickness_mm=0.5)
    assert _muscle_ml(emptied) == pytest.approx(_muscle_ml(filled), rel=1e-6)
    thickening = (emptied.wall_mm - emptied.cavity_mm) / (filled.wall_mm - filled.cavity_mm)
    assert ((thickening > 1.3) & (thickening < 2)).all()


def test_a_segment_that_stands_still_keeps_radius_and_thickness() -> None:
    still = np.abs(ANGLES - 1) < 0.8
    heart = replace(ROUND, motility=np.where(still, 0.0, 1.0), left_ejection_percent=30)
    filled, emptied = filled_and_emptied(heart, FINE, slice_thickness_mm=0.5)
    np.testing.assert_allclose(emptied.cavity_mm[still], filled.cavity_mm[still])
    np.testing.assert_allclose(emptied.wall_mm[still], filled.wall_mm[still])
    assert (emptied.cavity_mm[~still] < 0.9 * filled.cavity_mm[~still]).all()
