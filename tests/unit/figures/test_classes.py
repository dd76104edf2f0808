import numpy as np
import pytest
from matplotlib.figure import Figure

from medweave.figures.classes import class_figure


@pytest.fixture
def figure() -> Figure:
    parts = {"healthy": {"train": 7, "val": 2, "test": 1}, "ill": {"train": 3, "val": 0, "test": 1}}
    return class_figure({"diagnosis": parts, "grade": {"low": {"cases": 4}}})


def test_pieces_of_a_bar_are_the_parts_one_after_the_other(figure: Figure) -> None:
    bars = figure.axes[0].patches
    assert [(bar.get_x(), bar.get_width()) for bar in bars] == [(0, 7), (0, 3), (7, 2), (3, 0), (9, 1), (3, 1)]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["healthy", "ill"]


def test_numbers_of_cases_stand_at_the_ends(figure: Figure) -> None:
    assert [text.get_text() for text in figure.axes[0].texts] == ["10", "4"]
    assert [text.xy for text in figure.axes[0].texts] == [(10, 0), (4, 1)]


def test_parts_are_named_where_there_are_several(figure: Figure) -> None:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["train", "val", "test"]
    assert figure.axes[1].get_legend() is None


def test_first_class_is_on_top_and_targets_below_each_other(figure: Figure) -> None:
    figure.canvas.draw()
    assert figure.axes[0].yaxis_inverted()
    tops = [axes.get_position().y1 for axes in figure.axes]
    assert np.diff(tops)[0] < 0
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["diagnosis", "grade"]
