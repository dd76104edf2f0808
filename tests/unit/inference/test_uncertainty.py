import numpy as np
import pytest
from scipy import special

from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.uncertainty import RunningDeviation, SpreadOfMembers


def test_the_running_deviation_is_that_of_a_sample():
    values = np.random.default_rng(0).normal(size=(5, 3, 4)) + 1e4
    running = RunningDeviation()
    for value in values:
        running.add(value)
    assert running.result() == pytest.approx(values.std(axis=0, ddof=1), rel=1e-6)


def test_the_deviation_of_float32_values_takes_no_more_memory_than_they():
    running = RunningDeviation()
    for value in np.ones((3, 4), np.float32):
        running.add(value)
    assert running.result().dtype == np.float32


def _spread(members, *, activation="softmax", keep_voxels=False, largest_component=False, temperature=1.0):
    collected = SpreadOfMembers(
        segmentation_heads={"heart": SegmentationHeadInfo({"lv": 1, "rv": 2}, activation, "mri", "mri")},
        classification_heads={"finding": ClassificationHeadInfo(("a", "b"), temperature=temperature)},
        voxel_volumes_ml={"heart": 0.5},
        largest_component=largest_component,
        keep_voxels=keep_voxels,
    )
    for member in members:
        collected.add(member)
    return collected.result(len(members))


def _member(labels, classes=(0.0, 0.0)):
    """Logits that are sure of a label in each voxel: 0 background, 1 lv, 2 rv."""
    heart = np.where(np.arange(3)[:, None, None] == np.array(labels)[None], 20.0, 0.0).astype(np.float32)
    return {"heart": heart, "finding": np.array(classes, np.float32)}


def test_the_spread_of_volumes_is_that_of_the_members_label_maps():
    spread = _spread([_member([[1, 1, 0, 2]]), _member([[1, 0, 0, 2]]), _member([[1, 1, 1, 2]])])
    # lv: 2, 1, 3 voxels of 0.5 mL: a standard deviation of 1 voxel; rv: always 1 voxel.
    assert spread.members == 3
    assert spread.volumes_ml == {"heart": {"lv": pytest.approx(0.5), "rv": 0}}
    assert spread.voxels == {}


def test_the_spread_of_a_voxel_is_that_of_its_probabilities():
    spread = _spread([_member([[1, 0]]), _member([[1, 2]])], keep_voxels=True)
    assert spread.voxels["heart"].shape == (2, 1, 2)
    # Of 0 and 1 the sample's standard deviation is 1/sqrt(2).
    assert spread.voxels["heart"][:, 0] == pytest.approx(np.array([[0, 0], [0, np.sqrt(0.5)]]), abs=1e-6)


def test_the_spread_of_classes_is_that_of_their_tempered_probabilities():
    spread = _spread([_member([[0]], (2.0, 0.0)), _member([[0]], (0.0, 0.0))], temperature=2.0)
    expected = np.std([special.expit(1.0), 0.5], ddof=1)
    assert spread.classes == {"finding": {"a": pytest.approx(expected), "b": pytest.approx(expected)}}


def test_only_the_largest_component_counts_where_only_it_is_kept():
    members = [_member([[1, 1, 0, 1]]), _member([[1, 1, 0, 0]])]
    assert _spread(members).volumes_ml["heart"]["lv"] == pytest.approx(0.5 * np.sqrt(0.5))
    assert _spread(members, largest_component=True).volumes_ml["heart"]["lv"] == 0


def test_a_sigmoid_structure_needs_one_half():
    logits = np.array([[[3.0, -1.0]], [[2.0, -2.0]]], np.float32)
    member = {"heart": logits, "finding": np.zeros(2, np.float32)}
    empty = {"heart": logits * 0 - 1, "finding": np.zeros(2, np.float32)}
    # lv wins the first voxel, nothing the second: 1 and 0 voxels.
    spread = _spread([member, empty], activation="sigmoid")
    assert spread.volumes_ml["heart"] == {"lv": pytest.approx(0.5 * np.sqrt(0.5)), "rv": 0}
