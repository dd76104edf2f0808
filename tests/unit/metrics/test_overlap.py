import numpy as np
import pytest
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from medweave.metrics.overlap import (
    Counts,
    confusion,
    dice,
    dice_of_structures,
    iou,
    mean_dice,
    precision,
    sensitivity,
)


def test_counts_of_hand_drawn_masks():
    predicted = np.array([[1, 1, 0], [0, 1, 0]], dtype=bool)
    truth = np.array([[1, 0, 0], [0, 1, 1]], dtype=bool)
    counts = confusion(predicted, truth)
    assert counts == Counts(both=2, predicted_only=1, truth_only=1)
    assert (counts.predicted, counts.truth) == (3, 3)
    assert dice(counts) == pytest.approx(4 / 6)
    assert iou(counts) == pytest.approx(2 / 4)


@pytest.mark.parametrize("seed", range(3))
def test_scores_equal_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    predicted, truth = rng.random((2, 9, 8, 7)) < rng.uniform(0.2, 0.8)
    counts = confusion(predicted, truth)
    flat = truth.ravel(), predicted.ravel()
    assert dice(counts) == pytest.approx(f1_score(*flat))
    assert iou(counts) == pytest.approx(jaccard_score(*flat))
    assert precision(counts) == pytest.approx(precision_score(*flat))
    assert sensitivity(counts) == pytest.approx(recall_score(*flat))


@pytest.mark.parametrize("score", [dice, iou, precision, sensitivity])
def test_two_empty_masks_agree_perfectly(score):
    assert score(Counts(0, 0, 0)) == 1.0


@pytest.mark.parametrize("counts", [Counts(0, 5, 0), Counts(0, 0, 5)])
@pytest.mark.parametrize("score", [dice, iou, precision, sensitivity])
def test_one_empty_mask_scores_zero(score, counts):
    assert score(counts) == 0.0


def test_every_structure_counts_alike_in_a_case_s_dice() -> None:
    assert mean_dice({"large": 0.9, "small": 0.3}) == pytest.approx(0.6)


def test_each_structure_of_two_label_maps_has_its_dice():
    predicted, truth = np.array([0, 1, 1, 2, 2, 0]), np.array([1, 1, 0, 2, 2, 0])
    found = dice_of_structures(predicted, truth, {"wall": 1, "blood": 2, "absent": 3})
    assert found == {"wall": 0.5, "blood": 1.0, "absent": 1.0}
