import numpy as np
import pytest

from medweave.figures.blending import MIN_WIDTH, blended_plane
from medweave.figures.planes import orthogonal_planes


@pytest.fixture
def plane():
    """A picture of 4 x 2 pixels, twice as high as wide each."""
    values = np.zeros((4, 2), np.float32)
    values[2:] = 100
    return orthogonal_planes(values, (2, 1), spacing_mm=(1.0, 2.0))[0]


def test_pixels_are_square_in_millimetres_and_grey_without_labels(plane):
    pixels = blended_plane(plane, None, window=(0, 100), structures={}, opacity=1)
    assert pixels.shape == (MIN_WIDTH, MIN_WIDTH, 3)
    assert (pixels[0, 0].tolist(), pixels[-1, -1].tolist()) == ([0] * 3, [255] * 3)


@pytest.mark.parametrize(("opacity", "expected"), [(0, [0, 0, 0]), (0.5, [128, 88, 0]), (1, [255, 176, 0])])
def test_structures_lie_over_the_image(plane, opacity, expected):
    labels = np.zeros((2, 4), np.uint8)
    labels[0, 0] = 3
    pixels = blended_plane(plane, labels, window=(0, 100), structures={"lv": 3}, opacity=opacity)
    assert pixels[0, 0].tolist() == expected
    assert pixels[-1, -1].tolist() == [255] * 3


def test_what_is_no_number_is_black(plane):
    plane.values[0, 0] = np.nan
    assert blended_plane(plane, None, window=(0, 100), structures={}, opacity=1)[0, 0].tolist() == [0] * 3
