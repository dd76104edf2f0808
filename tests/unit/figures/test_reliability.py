import numpy as np
import pytest

from medweave.figures.reliability import reliability_figure

EDGES = np.linspace(0, 1, 5)


@pytest.fixture
def axes():
    counts = np.array([0, 2, 0, 6])
    confidence = np.array([np.nan, 0.4, np.nan, 0.9])
    accuracy = np.array([np.nan, 0.5, np.nan, 1.0])
    return reliability_figure(EDGES, counts, confidence, accuracy, title="ECE 0.1").axes


def test_filled_bins_are_drawn_at_their_mean_confidence_and_empty_ones_are_not(axes):
    assert axes[0].collections[-1].get_offsets().tolist() == [[0.4, 0.5], [0.9, 1.0]]
    assert [(bar.get_x(), bar.get_height()) for bar in axes[0].patches] == [(0.25, 0.5), (0.75, 1.0)]


def test_the_gaps_reach_to_the_diagonal(axes):
    assert [segment.tolist() for segment in axes[0].collections[0].get_segments()] == [
        [[0.4, 0.5], [0.4, 0.4]],
        [[0.9, 1.0], [0.9, 0.9]],
    ]


def test_the_lower_panel_counts_the_answers(axes):
    assert [(bar.get_x(), bar.get_height()) for bar in axes[1].patches] == [(0.25, 2), (0.75, 6)]
    assert axes[0].get_title(loc="left") == "ECE 0.1"
