import numpy as np
import pytest

from medweave.figures.agreement import MeasuredPairs, agreement_figure

TRUTH = np.array([50.0, 60.0, 20.0])
PREDICTED = np.array([52.0, 57.0, 26.0])


def _pairs(*, limits=(-7.0, 11.0), unit="%"):
    return MeasuredPairs("LV ejection fraction", unit, PREDICTED, TRUTH, limits)


def _heights(axes):
    return [line.get_ydata()[0] for line in axes.lines]


def test_a_point_is_the_difference_over_the_mean():
    (axes,) = agreement_figure([_pairs()]).axes
    assert axes.collections[0].get_offsets().tolist() == [[51.0, 2.0], [58.5, -3.0], [23.0, 6.0]]
    assert axes.get_xlabel() == "mean of both (%)"
    assert axes.get_ylabel() == "predicted - true (%)"


def test_lines_show_zero_bias_and_limits():
    (axes,) = agreement_figure([_pairs()]).axes
    assert _heights(axes) == pytest.approx([0.0, 5 / 3, -7.0, 11.0])
    assert [text.get_text() for text in axes.texts] == ["+1.67", "-7", "+11"]


def test_without_limits_there_is_the_bias_alone():
    (axes,) = agreement_figure([_pairs(limits=None, unit="")]).axes
    assert _heights(axes) == pytest.approx([0.0, 5 / 3])
    assert axes.get_xlabel() == "mean of both"


@pytest.mark.parametrize(("count", "drawn", "panels"), [(1, 1, 1), (4, 4, 4), (6, 6, 8)])
def test_every_measurement_has_a_panel(count, drawn, panels):
    figure = agreement_figure([_pairs()] * count)
    assert len(figure.axes) == panels
    assert sum(axes.axison for axes in figure.axes) == drawn
