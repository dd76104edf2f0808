import numpy as np
import pytest
from scipy import special, stats

from medweave.inference.prediction import ClassificationHeadInfo, classify, entropy_bits

LOGITS = np.array([0.2, 1.4, -3.0], np.float32)


def test_classes_that_exclude_each_other_share_one():
    answer = classify(ClassificationHeadInfo(("NOR", "DCM", "HCM")), LOGITS)
    expected = dict(zip(("NOR", "DCM", "HCM"), special.softmax(LOGITS.astype(float)), strict=True))
    assert answer.probabilities == pytest.approx(expected)
    assert answer.classes == ("DCM",)
    assert answer.logits is LOGITS


def test_several_labels_are_answered_each_by_itself():
    answer = classify(ClassificationHeadInfo(("oedema", "nodule", "mass"), multi_label=True), LOGITS)
    expected = dict(zip(("oedema", "nodule", "mass"), special.expit(LOGITS.astype(float)), strict=True))
    assert answer.probabilities == pytest.approx(expected)
    assert answer.classes == ("oedema", "nodule")


def test_the_temperature_divides_the_logits():
    hot = ClassificationHeadInfo(("NOR", "DCM", "HCM"), temperature=2.0).probabilities(LOGITS)
    assert list(hot.values()) == pytest.approx(special.softmax(LOGITS / 2))


def test_the_entropy_is_in_bits_and_of_several_labels_the_sum_over_them():
    assert entropy_bits([0.25] * 4, multi_label=False) == pytest.approx(2)
    assert entropy_bits([0.0, 1.0], multi_label=False) == 0
    assert entropy_bits([0.5, 0.5, 1.0], multi_label=True) == pytest.approx(2)
    answer = classify(ClassificationHeadInfo(("NOR", "DCM", "HCM")), LOGITS)
    expected = stats.entropy(list(answer.probabilities.values()), base=2)
    assert answer.entropy_bits == pytest.approx(expected)
