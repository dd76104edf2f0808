import numpy as np
import pytest
from matplotlib.figure import Figure

from medweave.figures.probability import probability_figure
from medweave.preprocessing.geometry import Grid

GRID = Grid((40, 30, 20), (1.0, 1.5, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
TRUTH, PREDICTED = np.zeros((2, 40, 30, 20), bool)
TRUTH[10:20, 10:20, 12] = True
PREDICTED[15:25, 10:20, 12] = True
PROBABILITY = np.where(PREDICTED, np.float32(0.8), np.float32(0.05))


def draw(truth: np.ndarray | None = TRUTH, predicted: np.ndarray = PREDICTED) -> Figure:
    image = np.random.default_rng(0).random(TRUTH.shape)
    return probability_figure(image, PROBABILITY, predicted, truth, grid=GRID, title="case 7")


def test_the_probability_is_drawn_in_inferno_from_0_to_1() -> None:
    heat = draw().axes[0].get_images()[1]
    assert heat.get_cmap().name == "inferno"
    assert heat.get_clim() == (0, 1)
    np.testing.assert_array_equal(heat.get_array(), PROBABILITY[..., 12].T)  # rows are y


def test_the_truth_is_outlined_in_lime_and_the_prediction_in_dashed_red() -> None:
    figure = draw()
    truth, prediction = figure.axes[1].collections
    assert truth.get_edgecolor()[0] == pytest.approx([0, 1, 0, 1])
    assert truth.get_linestyle()[0][1] is None  # solid
    assert prediction.get_edgecolor()[0] == pytest.approx([1, 0, 0, 1])
    assert prediction.get_linestyle()[0][1] is not None
    assert truth.get_paths()[0].vertices.min(axis=0) == pytest.approx([9.5, 9.5])
    assert prediction.get_paths()[0].vertices.max(axis=0) == pytest.approx([24.5, 19.5])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "prediction"]


def test_small_probabilities_are_not_laid_over_the_image() -> None:
    laid = draw().axes[2].get_images()[1].get_array()
    assert laid.count() == 100
    assert laid.mean() == pytest.approx(0.8)


def test_without_a_truth_the_plane_and_the_legend_are_those_of_the_prediction() -> None:
    figure = draw(truth=None)
    assert figure.get_suptitle() == "case 7   axis z = 12"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["prediction"]


def test_a_structure_that_nobody_found_is_drawn_in_the_middle() -> None:
    figure = draw(truth=TRUTH & False, predicted=PREDICTED & False)
    assert figure.get_suptitle() == "case 7   axis z = 10"
    assert list(figure.axes[1].collections) == []
