"""Drawn rings whose thickness and radius are known from geometry, on anisotropic grids."""

import numpy as np
import pytest

from medweave.measurements.left_ventricle import SECTORS, measure_sectors, septal_direction

SPACING_MM = (1.2, 1.6, 8.0)
SIZE = (90, 70, 10)
CENTRE_MM = (53.3, 55.1)


def _disc(radius_mm, *, shift_mm=(0.0, 0.0)):
    x, y = (np.arange(n) * s for n, s in zip(SIZE[:2], SPACING_MM[:2], strict=True))
    return np.hypot(x[:, None] - CENTRE_MM[0] - shift_mm[0], y - CENTRE_MM[1] - shift_mm[1]) <= radius_mm


def _ring(cavity_mm, wall_mm, *, shift_mm=(0.0, 0.0), slices=slice(1, 9)):
    """Return cavity and wall of a cylinder; the cavity may lie off the middle of the wall."""
    cavity, wall = np.zeros((2, *SIZE), np.bool_)
    cavity[..., slices] = _disc(cavity_mm, shift_mm=shift_mm)[..., None]
    wall[..., slices] = (_disc(cavity_mm + wall_mm) & ~_disc(cavity_mm, shift_mm=shift_mm))[..., None]
    return cavity, wall


def _measure(cavity, wall, direction=0.0):
    return measure_sectors(cavity, wall, spacing_mm=SPACING_MM, direction=direction)


@pytest.mark.parametrize(("cavity_mm", "wall_mm"), [(24.0, 6.0), (24.0, 10.0), (15.0, 17.0)])
def test_a_ring_has_the_thickness_and_the_radius_that_it_was_drawn_with(cavity_mm, wall_mm):
    sectors = _measure(*_ring(cavity_mm, wall_mm))
    assert np.nanmean(sectors.thickness_mm) == pytest.approx(wall_mm, abs=0.2)
    assert sectors.thickness_mm[4] == pytest.approx(np.full(SECTORS, wall_mm), abs=0.6)
    assert sectors.radius_mm[4] == pytest.approx(np.full(SECTORS, cavity_mm), abs=0.3)


def test_an_eccentric_wall_is_thin_where_the_cavity_lies_near_the_outside():
    cavity_mm, wall_mm, shift_mm = 22.0, 9.0, 4.0
    sectors = _measure(*_ring(cavity_mm, wall_mm, shift_mm=(shift_mm, 0.0)))
    angles = np.linspace(-np.pi, np.pi, 100_000)
    border = np.stack([shift_mm + cavity_mm * np.cos(angles), cavity_mm * np.sin(angles)])
    distance = cavity_mm + wall_mm - np.hypot(*border)
    sector = np.round(np.arctan2(border[1], border[0]) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    expected = [distance[sector == position].mean() for position in range(SECTORS)]
    assert expected[0] < 6 < 12 < expected[3]
    assert sectors.thickness_mm[4] == pytest.approx(np.array(expected), abs=0.6)


def test_sectors_are_counted_from_the_given_direction():
    cavity, wall = _ring(22.0, 9.0, shift_mm=(0.0, 4.0))
    thinnest = [np.nanargmin(_measure(cavity, wall, direction=angle).thickness_mm[4]) for angle in (0.5, -0.5)]
    assert np.nanargmin(_measure(cavity, wall, direction=np.pi / 2).thickness_mm[4]) == 0
    assert thinnest == [1, 2]  # the thin side lies at 90 degrees: 61 and 119 beyond the directions


def test_the_septum_lies_towards_the_right_ventricle_in_millimetres():
    cavity, right_cavity = np.zeros((2, 9, 9, 3), np.bool_)
    cavity[4, 4], right_cavity[7, 2] = True, True
    assert septal_direction(cavity, right_cavity, spacing_mm=SPACING_MM) == pytest.approx(np.arctan2(-3.2, 3.6))


def test_without_a_right_ventricle_the_direction_is_the_first_axis():
    cavity = np.ones((3, 3, 3), np.bool_)
    assert septal_direction(cavity, np.zeros_like(cavity), spacing_mm=SPACING_MM) == 0.0


@pytest.mark.parametrize(("filled", "measured"), [(8, range(3, 7)), (5, range(2, 5)), (3, range(2, 3)), (2, ())])
def test_slices_near_base_and_apex_are_left_out(filled, measured):
    sectors = _measure(*_ring(20.0, 8.0, slices=slice(1, 1 + filled)))
    assert np.flatnonzero(np.isfinite(sectors.thickness_mm).all(axis=1)).tolist() == list(measured)


def test_a_slice_whose_wall_is_open_is_left_out():
    cavity, wall = _ring(20.0, 8.0)
    wall[45:, :, 4] = False
    sectors = _measure(cavity, wall)
    assert np.isnan(sectors.thickness_mm[4]).all()
    assert np.isfinite(sectors.thickness_mm[[3, 5]]).all()


def test_a_small_gap_of_the_wall_leaves_the_other_sectors_as_they_are():
    cavity, wall = _ring(20.0, 8.0)
    whole = _measure(cavity, wall)
    wall[45:, 34, 4] = False
    sectors = _measure(cavity, wall)
    assert np.isfinite(sectors.thickness_mm[4]).all()
    assert sectors.thickness_mm[4, 1:] == pytest.approx(whole.thickness_mm[4, 1:], abs=0.1)


def test_nothing_to_measure_gives_nan():
    sectors = _measure(*np.zeros((2, *SIZE), np.bool_))
    assert sectors.thickness_mm.shape == sectors.radius_mm.shape == (SIZE[2], SECTORS)
    assert np.isnan(sectors.thickness_mm).all()
    assert np.isnan(sectors.radius_mm).all()


def test_a_wall_that_reaches_the_edge_of_the_image_ends_there():
    cavity, wall = _ring(24.0, 10.0)
    cut = slice(20, None)  # the wall's outer border lies at voxel 16
    sectors = _measure(cavity[cut], wall[cut])
    assert sectors.thickness_mm[4, 3] < 9
    assert sectors.thickness_mm[4, 0] == pytest.approx(10.0, abs=0.6)
