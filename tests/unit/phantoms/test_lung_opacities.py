import numpy as np
import pytest
from scipy import ndimage

from medweave.phantoms.lung_opacities import MEAN_ATTENUATION, draw_opacity

STEPS = (np.arange(128) - 63.5) * 2.8
POINTS = np.stack(np.meshgrid(STEPS, STEPS, indexing="ij"))
LUNGS = (((np.abs(POINTS[0]) - 70) / 50) ** 2 + (POINTS[1] / 110) ** 2) < 1
RIGHT = POINTS[0] < 0
N = 12


def _draw(disease: str) -> list[np.ndarray]:
    return [draw_opacity(disease, POINTS, LUNGS, np.random.default_rng(number)) for number in range(N)]


def _share(opacity: np.ndarray, where: np.ndarray) -> float:
    return float(opacity[where].sum() / opacity.sum())


def test_healthy_lungs_are_clear() -> None:
    assert not draw_opacity("Normal", POINTS, LUNGS, np.random.default_rng(0)).any()


@pytest.mark.parametrize("disease", ["COVID", "Lung_Opacity", "Viral Pneumonia"])
def test_every_disease_adds_as_much_and_only_to_the_lungs(disease: str) -> None:
    for opacity in _draw(disease):
        assert MEAN_ATTENUATION[0] <= opacity[LUNGS].mean() <= MEAN_ATTENUATION[1]
        assert not opacity[~LUNGS].any()


def test_covid_lies_in_both_lungs_towards_the_outside() -> None:
    outer = np.abs(POINTS[0]) > 70
    drawn = _draw("COVID")
    assert all(0.2 < _share(opacity, RIGHT) < 0.8 for opacity in drawn)
    assert np.mean([_share(opacity, outer) for opacity in drawn]) > 0.7


def test_a_consolidation_fills_a_third_of_one_lung() -> None:
    sides, zones = set(), set()
    for opacity in _draw("Lung_Opacity"):
        share = _share(opacity, RIGHT)
        assert share < 0.03 or share > 0.97
        sides.add(share > 0.5)
        dense = opacity > 0.5 * opacity.max()
        assert 0.1 < dense.sum() / LUNGS.sum() < 0.25
        zones.add(int(np.digitize(ndimage.center_of_mass(dense)[1], [50, 75])))
    assert sides == {True, False}
    assert zones == {0, 1, 2}


def test_interstitial_change_is_everywhere_and_fine() -> None:
    focal = np.mean([np.ptp(ndimage.uniform_filter(opacity, 15)[LUNGS]) for opacity in _draw("Lung_Opacity")])
    for opacity in _draw("Viral Pneumonia"):
        assert 0.4 < _share(opacity, RIGHT) < 0.6
        assert (opacity[LUNGS] > 0).mean() > 0.25
        assert np.ptp(ndimage.uniform_filter(opacity, 15)[LUNGS]) < 0.75 * focal
        beside = np.corrcoef(opacity[LUNGS], np.roll(opacity, 3, axis=0)[LUNGS])[0, 1]
        assert beside < 0.5


def test_one_seed_gives_one_opacity() -> None:
    first, second, other = (draw_opacity("COVID", POINTS, LUNGS, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
