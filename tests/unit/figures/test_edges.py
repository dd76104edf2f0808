import numpy as np
import pytest
from matplotlib.figure import Figure

from medweave.figures.edges import label_edges
from medweave.figures.planes import orthogonal_planes

VOLUME = np.arange(60.0).reshape(3, 4, 5)


@pytest.mark.parametrize(
    ("orientation", "letters"), [("LPS", ["R", "L", "A", "P"]), ("RAI", ["R", "L", "A", "P"]), (None, [""] * 4)]
)
def test_letters_stand_left_right_top_and_bottom_and_only_where_they_are_known(orientation, letters):
    plane = orthogonal_planes(VOLUME, (1, 2, 3), spacing_mm=(1, 1, 1), orientation=orientation)[0]
    axes = Figure().subplots()
    label_edges(axes, plane)
    assert [text.get_text() for text in axes.texts] == letters
    assert [text.xy for text in axes.texts] == [(0, 0.5), (1, 0.5), (0.5, 1), (0.5, 0)]
    assert axes.get_title() == "axis z = 3"
    assert len(axes.get_xticks()) == len(axes.get_yticks()) == 0
