from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from medweave.figures.comparison import BOTH_COLOUR, PREDICTION_COLOUR, TRUTH_COLOUR
from medweave.figures.four_panels import four_panels_figure
from medweave.figures.page import save_and_embed
from medweave.preprocessing.geometry import Grid

GRID = Grid((40, 30, 20), (1.0, 1.5, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))


def label_maps() -> tuple[np.ndarray, np.ndarray]:
    """A prediction and a truth that are largest in the slice 12."""
    predicted, truth = np.zeros((2, 40, 30, 20), np.uint8)
    truth[10:20, 10:20, 12] = truth[10:12, 10:12, 3] = 1
    predicted[15:25, 10:20, 12] = 1
    return predicted, truth


def draw(predicted: np.ndarray, truth: np.ndarray) -> Figure:
    image = np.random.default_rng(0).random(truth.shape)
    return four_panels_figure(image, predicted, truth, grid=GRID, dice=0.49751, title="case 7")


def colours(figure: Figure, panel: int) -> dict[tuple[float, ...], int]:
    """How many pixels of a panel's overlay have each colour, without its transparent part."""
    pixels = figure.axes[panel].get_images()[1].get_array().reshape(-1, 4)
    found, counts = np.unique(np.round(pixels[pixels[:, 3] > 0][:, :3], 4), axis=0, return_counts=True)
    return dict(zip(map(tuple, found.tolist()), counts.tolist(), strict=True))


def rounded(colour: str) -> tuple[float, ...]:
    return tuple(np.round(to_rgb(colour), 4).tolist())


def test_each_panel_shows_what_its_title_says() -> None:
    figure = draw(*label_maps())
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["image", "truth", "prediction, Dice 0.498", "overlay"]
    assert colours(figure, 0) == {}
    assert colours(figure, 1) == {rounded(TRUTH_COLOUR): 100}
    assert colours(figure, 2) == {rounded(PREDICTION_COLOUR): 100}
    by_hand = {rounded(TRUTH_COLOUR): 50, rounded(PREDICTION_COLOUR): 50, rounded(BOTH_COLOUR): 50}
    assert colours(figure, 3) == by_hand


def test_the_plane_with_most_of_the_truth_is_shown_and_named() -> None:
    figure = draw(*label_maps())
    assert figure.get_suptitle() == "case 7   axis z = 12"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth only", "prediction only", "both"]


@pytest.mark.parametrize("kept", [(1, 0), (0, 1), (0, 0)])
def test_empty_label_maps_are_drawn(kept: tuple[int, int], tmp_path: Path) -> None:
    predicted, truth = label_maps()
    figure = draw(predicted * kept[0], truth * kept[1])
    assert save_and_embed(figure, tmp_path / "figure.png")


def test_a_2d_image_is_its_own_plane() -> None:
    predicted, truth = (array[..., 12] for array in label_maps())
    assert draw(predicted, truth).axes[3].get_images()[0].get_array().shape == (30, 40)
