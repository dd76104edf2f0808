import numpy as np
import pytest

from medweave.figures.mosaic import mosaic_figure, tile_of
from medweave.figures.page import DOTS_PER_INCH
from medweave.preprocessing.geometry import Grid


def _tile(name="case", *, spatial_dims=2):
    size = (10, 12, 5)[:spatial_dims]
    grid = Grid(size, (1.0, 1.0, 4.0)[:spatial_dims], (0.0,) * spatial_dims, tuple(np.eye(spatial_dims).ravel()))
    truth = np.zeros(size, dtype=np.uint8)
    truth[2:6, 3:7] = 1
    if spatial_dims == 3:
        truth[..., [0, 1, 2, 4]] = 0
    predicted = np.roll(truth, 1, axis=0)
    image = np.random.default_rng(0).random(size)
    return tile_of(image, predicted, truth, grid=grid, title=name)


def test_a_tile_tells_truth_prediction_and_both_apart():
    classes = _tile().classes.values
    assert classes.shape == (12, 10)  # rows of the picture run along y
    assert {value: int((classes == value).sum()) for value in range(4)} == {0: 100, 1: 4, 2: 4, 3: 12}


def test_a_volume_is_cut_across_its_last_axis_where_the_truth_is():
    tile = _tile(spatial_dims=3)
    assert (tile.image.normal_axis, tile.image.index) == (2, 3)
    assert (tile.classes.values == 3).sum() == 12


def test_where_nothing_is_true_the_prediction_is_shown():
    grid = Grid((4, 4, 3), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()))
    predicted = np.zeros((4, 4, 3), dtype=np.uint8)
    predicted[1, 1, 2] = 1
    tile = tile_of(np.ones((4, 4, 3)), predicted, np.zeros_like(predicted), grid=grid, title="")
    assert (tile.classes.values == 2).sum() == 1


@pytest.mark.parametrize(("tiles", "panels"), [(1, 1), (2, 2), (5, 6), (16, 16), (20, 16)])
def test_up_to_sixteen_cases_fill_one_page_of_2400_by_1800_pixels(tiles, panels):
    figure = mosaic_figure([_tile(f"case {number}") for number in range(tiles)], title="lungs")
    assert len(figure.axes) == panels
    assert [axes.get_title() for axes in figure.axes if axes.images] == [
        f"case {number}" for number in range(min(tiles, 16))
    ]
    assert (figure.get_size_inches() * DOTS_PER_INCH).tolist() == [2400, 1800]


def test_the_legend_names_what_is_seen():
    legend = mosaic_figure([_tile()], title="lungs").legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["truth only", "prediction only", "both"]
