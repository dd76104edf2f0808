import numpy as np
import pytest

from medweave.inference.gate.canny import canny_edges


def _step(height, *, columns=12):
    image = np.zeros((10, columns))
    image[:, columns // 2 :] = height
    return image


def test_a_step_is_one_pixel_wide_where_the_gradient_begins():
    # Both columns beside the step have a gradient of 4 times its height; of equals the first is kept.
    edges = canny_edges(_step(50.0), low=30, high=100)
    assert np.array_equal(edges, np.arange(12)[None].repeat(10, 0) == 5)


def test_a_lying_step_is_found_in_the_same_way():
    assert np.array_equal(canny_edges(_step(50.0).T, low=30, high=100), canny_edges(_step(50.0), low=30, high=100).T)


@pytest.mark.parametrize(("height", "found"), [(25.0, False), (25.25, True)])
def test_an_edge_needs_a_pixel_above_the_high_gradient(height, found):
    assert canny_edges(_step(height), low=30, high=100).any() == found


def test_a_weak_end_is_kept_only_where_it_touches_a_strong_part():
    image = _step(10.0)  # gradient 40
    image[6:, 6:] = 60.0
    edges = canny_edges(image, low=30, high=100)
    assert edges[0, 5]
    assert not canny_edges(_step(10.0), low=30, high=100).any()


@pytest.mark.parametrize("turns", [0, 1])
def test_a_diagonal_edge_follows_the_diagonal(turns):
    image = np.rot90(np.tri(20, k=0) * 80.0, turns)
    edges = np.rot90(canny_edges(image, low=30, high=100), -turns)
    inner = edges[3:-3, 3:-3]
    rows, columns = np.nonzero(inner)
    assert len(rows) >= 12
    assert np.abs(rows - columns).max() <= 1


def test_a_flat_picture_has_no_edge():
    assert not canny_edges(np.full((8, 8), 120.0), low=30, high=100).any()
