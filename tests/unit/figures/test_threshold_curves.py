import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medweave.figures.page import DOTS_PER_INCH
from medweave.figures.style import colour
from medweave.figures.threshold_curves import precision_recall_figure, roc_figure

DRAW = [roc_figure, precision_recall_figure]


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    truth = np.eye(3, dtype=bool)[rng.integers(0, 3, 60)]
    return truth, rng.random((60, 3)) + 0.4 * truth


def _curves(figure):
    """Points of each labelled line."""
    return {line.get_label(): line.get_xydata() for line in figure.axes[0].lines if ":" in line.get_label()}


def test_the_drawn_roc_curves_hold_the_areas_of_scikit_learn(answers):
    truth, scores = answers
    curves = _curves(roc_figure(truth, scores, areas={"a": 0.5, "b": 0.6, "c": 0.7}))
    assert list(curves) == ["a: AUC 0.500", "b: AUC 0.600", "c: AUC 0.700"]
    drawn = [np.trapezoid(points[:, 1], points[:, 0]) for points in curves.values()]
    assert drawn == pytest.approx(roc_auc_score(truth, scores, average=None).tolist())


def test_the_drawn_precision_recall_steps_hold_the_average_precision_of_scikit_learn(answers):
    truth, scores = answers
    curves = _curves(precision_recall_figure(truth, scores, areas=dict.fromkeys("abc", 0.5)))
    drawn = [-np.sum(np.diff(points[:, 0]) * points[:-1, 1]) for points in curves.values()]
    assert drawn == pytest.approx(average_precision_score(truth, scores, average=None).tolist())


def test_the_share_of_a_class_is_where_its_precision_recall_curve_begins_to_be_of_use(answers):
    truth, scores = answers
    lines = precision_recall_figure(truth, scores, areas=dict.fromkeys("abc", 0.5)).axes[0].lines
    dotted = [line.get_ydata()[0] for line in lines if line.get_linestyle() == ":"]
    assert dotted == pytest.approx(truth.mean(axis=0).tolist())


@pytest.mark.parametrize("draw", DRAW)
def test_a_class_without_an_area_is_named_and_not_drawn(answers, draw):
    truth, scores = answers
    figure = draw(truth, scores, areas={"a": 0.5, "rare_one": None, "c": 0.7})
    assert len(_curves(figure)["rare one: AUC undefined"]) == 0
    texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert sorted(texts) == ["a: AUC 0.500", "c: AUC 0.700", "rare one: AUC undefined"]


@pytest.mark.parametrize("draw", DRAW)
def test_more_classes_than_colours_differ_in_their_line(draw):
    rng = np.random.default_rng(0)
    truth = np.eye(8, dtype=bool)[np.arange(40) % 8]
    figure = draw(truth, rng.random((40, 8)), areas=dict.fromkeys("abcdefgh", 0.5))
    first, *_, last = [line for line in figure.axes[0].lines if "AUC" in line.get_label()]
    assert first.get_color() == last.get_color() == colour(0)
    assert first.get_linestyle() != last.get_linestyle()


@pytest.mark.parametrize("draw", DRAW)
def test_the_picture_has_1050_by_900_pixels(answers, draw):
    figure = draw(*answers, areas=dict.fromkeys("abc", 0.5))
    assert (figure.get_size_inches() * DOTS_PER_INCH).tolist() == [1050, 900]
