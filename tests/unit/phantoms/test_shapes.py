import numpy as np
import pytest
from numpy.typing import NDArray

from medweave.phantoms.shapes import ellipsoid, smooth_union, tube


def _points(*positions: tuple[float, float, float]) -> NDArray[np.float32]:
    return np.array(positions, np.float32).T.reshape(3, -1, 1, 1)


@pytest.fixture
def lattice() -> NDArray[np.float64]:
    """Return a millimetre lattice of 60 mm around the origin."""
    return np.indices((60, 60, 60)) - 29.5


def test_distance_to_a_sphere_is_exact() -> None:
    points = _points((5, 0, 0), (0, 13, 0), (0, 0, 10), (6, 8, 0))
    assert ellipsoid(points, (0, 0, 0), radii=(10, 10, 10)).ravel() == pytest.approx([-5, 3, 0, 0], abs=1e-5)


def test_middle_of_an_ellipsoid_is_inside() -> None:
    assert ellipsoid(_points((1, 2, 3)), (1, 2, 3), radii=(9, 4, 6)).item() == -4


def test_ellipsoid_has_its_volume(lattice: NDArray[np.float64]) -> None:
    inside = ellipsoid(lattice, (1, 2, 3), radii=(20, 12, 9)) < 0
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * 20 * 12 * 9, rel=0.01)


def test_first_radius_points_along_the_axis() -> None:
    points = _points((0, 19, 0), (0, 21, 0), (4, 0, 0), (0, 0, 6))
    distance = ellipsoid(points, (0, 0, 0), radii=(20, 5, 5), axis=(0, 2, 0)).ravel()
    assert (distance < 0).tolist() == [True, False, True, False]


def test_infinite_radius_makes_a_cylinder() -> None:
    points = _points((5, 0, 1000), (0, 12, -1000))
    assert ellipsoid(points, (0, 0, 0), radii=(10, 10, np.inf)).ravel() == pytest.approx([-5, 2], abs=1e-4)


def test_tube_has_its_radius_round_ends_and_a_taper() -> None:
    points = _points((0, 7, 0), (10, 5, 0), (20, 3, 0), (-7, 0, 0), (20, 0, 3))
    distance = tube(points, [(0, 0, 0), (20, 0, 0)], radii=(7, 3)).ravel()
    assert distance == pytest.approx([0, 0, 0, 0, 0], abs=1e-5)


def test_tube_follows_its_knots() -> None:
    points = _points((10, 0, 0), (10, 9, 0), (0, 9, 0))
    distance = tube(points, [(0, 0, 0), (10, 0, 0), (10, 10, 0)], radii=(2, 2, 2)).ravel()
    assert distance == pytest.approx([-2, -2, 7], abs=1e-5)


def test_smooth_union_fills_the_seam_and_nothing_else() -> None:
    first, second = np.array([[-3.0, 20.0, 1.0]]), np.array([[20.0, -4.0, 1.0]])
    # Where both are 1 mm away a blend of 8 mm adds 8 / 4 = 2 mm.
    np.testing.assert_allclose(smooth_union(first, second, blend_mm=8), [[-3, -4, -1]])
