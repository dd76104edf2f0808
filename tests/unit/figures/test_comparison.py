import numpy as np
import pytest
from matplotlib.colors import to_rgb

from medweave.figures.comparison import BOTH_COLOUR, PREDICTION_COLOUR, TRUTH_COLOUR, comparison_figure
from medweave.figures.page import save_and_embed
from medweave.preprocessing.geometry import Grid

GRID = Grid((40, 30, 20), (1.0, 1.5, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def _label_maps(shape):
    predicted, truth = np.zeros((2, *shape), dtype=np.uint8)
    truth[10:20, 10:20] = 1
    predicted[15:25, 10:20] = 1
    return predicted, truth


def _overlay(figure):
    """The colours of the last plane's overlay, without its transparent part."""
    pixels = figure.axes[-1].get_images()[1].get_array()
    return {tuple(colour) for colour in np.round(pixels[pixels[..., 3] > 0][:, :3], 4).tolist()}


def test_the_planes_show_what_each_holds_alone_and_what_both_hold():
    figure = comparison_figure(np.random.default_rng(0).random((40, 30)), *_label_maps((40, 30)), grid=GRID, title="c1")
    wanted = {tuple(np.round(to_rgb(colour), 4)) for colour in (TRUTH_COLOUR, PREDICTION_COLOUR, BOTH_COLOUR)}
    assert _overlay(figure) == wanted
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth only", "prediction only", "both"]


def test_a_volume_gives_three_planes_and_an_image_one(tmp_path):
    image = np.random.default_rng(0).random((40, 30, 20))
    volume = comparison_figure(image, *_label_maps(image.shape), grid=GRID, title="c1")
    assert len(volume.axes) == 3
    assert save_and_embed(volume, tmp_path / "volume.png").startswith("data:image/png;base64,")
    flat = comparison_figure(image[..., 0], *_label_maps((40, 30)), grid=GRID, title="c1")
    assert len(flat.axes) == 1


def test_one_structure_taken_for_another_has_a_colour_of_its_own():
    predicted, truth = _label_maps((40, 30))
    figure = comparison_figure(np.zeros((40, 30)), 2 * predicted, truth, grid=GRID, title="c1")
    assert "two different structures" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("empty", ["predicted", "both"])
def test_empty_label_maps_are_drawn(empty, tmp_path):
    predicted, truth = _label_maps((40, 30, 20))
    figure = comparison_figure(
        np.ones((40, 30, 20)), predicted * 0, truth * (empty != "both"), grid=GRID, title="missed"
    )
    assert save_and_embed(figure, tmp_path / "figure.png")
