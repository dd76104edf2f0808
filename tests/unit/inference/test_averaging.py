import numpy as np
import pytest
from scipy import special

from medweave.inference.averaging import Link, MeanOfNetworks
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo, classify

HEADS = {
    "heart": SegmentationHeadInfo({"lv": 1, "rv": 2}, "softmax", "mr", "mr"),
    "plaque": SegmentationHeadInfo({"calcified": 1, "soft": 2}, "sigmoid", "mr", "mr"),
    "side": ClassificationHeadInfo(("left", "right"), temperature=2.0),
    "signs": ClassificationHeadInfo(("hot", "red", "sore"), multi_label=True, temperature=0.5),
}
SHAPES = {"heart": (3, 4, 5), "plaque": (2, 4, 5), "side": (2,), "signs": (3,)}


@pytest.fixture
def networks():
    """Logits of three networks."""
    rng = np.random.default_rng(0)
    return [
        {name: rng.normal(scale=4, size=shape).astype(np.float32) for name, shape in SHAPES.items()} for _ in range(3)
    ]


def _mean(networks):
    collected = MeanOfNetworks({name: Link.of(head) for name, head in HEADS.items()}, len(networks))
    for logits in networks:
        collected.add(logits)
    return collected.logits()


def test_segmentations_have_the_mean_of_the_networks_probabilities(networks):
    found = _mean(networks)
    wanted = np.mean([special.softmax(logits["heart"].astype(float), axis=0) for logits in networks], axis=0)
    assert special.softmax(found["heart"], axis=0) == pytest.approx(wanted, abs=1e-6)
    wanted = np.mean([special.expit(logits["plaque"].astype(float)) for logits in networks], axis=0)
    assert special.expit(found["plaque"]) == pytest.approx(wanted, abs=1e-6)


def test_the_mean_is_not_that_of_the_logits(networks):
    of_logits = np.mean([logits["heart"] for logits in networks], axis=0)
    difference = special.softmax(_mean(networks)["heart"], axis=0) - special.softmax(of_logits, axis=0)
    assert np.abs(difference).max() > 0.05


@pytest.mark.parametrize("head", ["side", "signs"])
def test_classes_are_averaged_after_the_temperature(networks, head):
    info = HEADS[head]
    answers = [classify(info, logits[head]).probabilities for logits in networks]
    found = classify(info, _mean(networks)[head]).probabilities
    assert found == pytest.approx({name: np.mean([answer[name] for answer in answers]) for name in info.classes})


def test_the_logits_of_an_only_network_are_left_as_they_are(networks):
    found = _mean(networks[:1])
    assert all(found[name] is networks[0][name] for name in SHAPES)


def test_answers_that_are_certain_stay_finite():
    certain = {name: np.full(shape, 200, np.float32) for name, shape in SHAPES.items()}
    certain["side"][1] = certain["heart"][1:] = -200
    found = _mean([certain, certain])
    assert all(np.isfinite(values).all() for values in found.values())
    assert classify(HEADS["side"], found["side"]).probabilities == pytest.approx({"left": 1, "right": 0})
    assert special.expit(found["plaque"]).min() > 1 - 1e-6


def test_what_was_collected_is_not_written_into_the_networks_arrays(networks):
    before = {name: values.copy() for name, values in networks[0].items()}
    _mean(networks)
    assert all(np.array_equal(networks[0][name], before[name]) for name in before)
