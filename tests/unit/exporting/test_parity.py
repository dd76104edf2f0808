from types import SimpleNamespace

import numpy as np
import pytest

from medweave.core.errors import RunError
from medweave.data.case import Case
from medweave.data.study import TargetSource
from medweave.exporting.parity import Parity, compare
from medweave.inference.prediction import (
    ClassificationPrediction,
    Prediction,
    SegmentationHeadInfo,
    SegmentationPrediction,
)
from medweave.preprocessing.geometry import Grid, to_image

GRID = Grid((4, 4), (1.0, 1.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
TRUTH = np.array([[1, 1, 0, 0]] * 4, np.uint8)


def _predictor(labels, probability, left):
    """A predictor that answers every case alike."""
    segmentation = SegmentationPrediction(to_image(labels, GRID), {}, {"atrium": np.full((4, 4), probability)})
    side = ClassificationPrediction(
        {"left": left, "right": 1 - left}, ("left" if left > 0.5 else "right",), np.zeros(2)
    )
    source = SimpleNamespace(
        read_label_map=lambda case, head: to_image(TRUTH, GRID) if case.case_id == "c1" else None,
        targets={"side": TargetSource("side", ("left", "right"))},
    )
    return SimpleNamespace(
        predict=lambda case, keep_probabilities: Prediction(case.case_id, {"heart": segmentation}, {"side": side}),
        segmentation_heads={"heart": SegmentationHeadInfo({"atrium": 1}, "sigmoid", "mri", "mri")},
        source=source,
    )


CASES = [Case("c1", "s1", {}, targets={"side": "left"}), Case("c2", "s2", {})]


def test_differences_are_the_greatest_and_agreement_counts_every_voxel():
    changed = TRUTH.copy()
    changed[0, 0] = 0
    done = []
    parity = compare(_predictor(TRUTH, 0.9, 0.7), _predictor(changed, 0.88, 0.4), CASES, on_case=done.append)
    assert parity.n_cases == 2
    assert parity.max_probability_difference == pytest.approx(0.02)
    assert parity.max_class_probability_difference == pytest.approx(0.3)
    assert parity.label_agreement == pytest.approx(15 / 16)
    assert parity.class_agreement == 0
    assert parity.run == {"dice": {"heart.atrium": 1.0}, "accuracy": {"side": 1.0}}
    assert parity.bundle == {"dice": {"heart.atrium": pytest.approx(14 / 15)}, "accuracy": {"side": 0.0}}
    assert done == [1, 2]


def _parity(**changed):
    same = {"dice": {"heart.atrium": 0.9}, "accuracy": {"side": 0.8}}
    facts = {
        "n_cases": 1,
        "max_probability_difference": 1e-5,
        "max_class_probability_difference": 1e-6,
        "label_agreement": 1.0,
        "class_agreement": 1.0,
        "run": same,
        "bundle": same,
    }
    return Parity(**{**facts, **changed})


def test_equal_answers_are_not_refused():
    _parity().refuse_differences()
    _parity(bundle={"dice": {"heart.atrium": 0.891}, "accuracy": {"side": 0.0}}).refuse_losses()


@pytest.mark.parametrize(
    ("changed", "got"),
    [
        ({"max_probability_difference": 2e-4}, r"differ by 2.0e-04, 100.0000 % equal"),
        ({"max_class_probability_difference": 1e-3}, r"differ by 1.0e-03"),
        ({"label_agreement": 0.9998}, r"99.9800 % equal labels; wanted at most 1e-04, at least 99.99 %"),
    ],
)
def test_other_answers_are_refused_with_how_far_they_are(changed, got):
    with pytest.raises(RunError, match=got):
        _parity(**changed).refuse_differences()


def test_a_lower_dice_is_refused_and_without_a_segmentation_a_lower_accuracy():
    with pytest.raises(RunError, match=r"too much dice \(heart.atrium\): got 0.8890 after 0.9000; wanted a loss of at"):
        _parity(bundle={"dice": {"heart.atrium": 0.889}, "accuracy": {}}).refuse_losses()
    classes = {"run": {"dice": {}, "accuracy": {"side": 0.8}}, "bundle": {"dice": {}, "accuracy": {"side": 0.7}}}
    with pytest.raises(RunError, match=r"too much accuracy \(side\)"):
        _parity(**classes).refuse_losses()


def test_a_comparison_is_plain_json():
    assert _parity().to_json()["n_cases"] == 1
