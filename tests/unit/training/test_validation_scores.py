import numpy as np
import pytest

from medweave.training.validation_scores import ValidationScores


def _logits(*values):
    return np.array(values, np.float32)


def test_the_score_is_the_mean_of_dice_and_balanced_accuracy():
    found = ValidationScores()
    found.add_dice("heart", {"lv": 0.9, "rv": 0.5})
    found.add_dice("heart", {"lv": 0.7, "rv": 0.3})
    for logits, target in ((_logits(1, 0), 0), (_logits(1, 0), 0), (_logits(1, 0), 1), (_logits(1, 0), 0)):
        found.add_class("side", logits, target)
    values = found.values()
    assert values["val/dice_heart_lv"] == pytest.approx(0.8)
    assert values["val/dice_heart_rv"] == pytest.approx(0.4)
    assert values["val/accuracy_side"] == 0.75
    assert values["val/balanced_accuracy_side"] == 0.5
    assert values["val/dice"] == pytest.approx(0.6)
    assert values["val/score"] == pytest.approx((0.6 + 0.5) / 2)


def test_the_dice_of_all_is_the_mean_of_the_heads_whatever_their_cases():
    found = ValidationScores()
    found.add_dice("ed", {"lv": 0.9, "rv": 0.5})
    for dice in (0.2, 0.4):
        found.add_dice("es", {"lv": dice})
    assert found.values()["val/dice"] == pytest.approx((0.7 + 0.3) / 2)


def test_a_loss_is_the_mean_over_the_cases_with_truth_and_the_losses_are_summed():
    found = ValidationScores()
    for loss in (1.0, 2.0, 3.0):
        found.add_loss("heart", loss)
    found.add_loss("side", 0.5)
    assert found.values() == {"val/loss_heart": 2.0, "val/loss_side": 0.5, "val/loss": 2.5}


def test_a_head_without_truth_is_left_out_of_the_score():
    found = ValidationScores()
    found.add_dice("heart", {"lv": 0.9})
    assert found.values() == {"val/dice_heart_lv": 0.9, "val/dice": 0.9, "val/score": 0.9}
    assert ValidationScores().values() == {}
