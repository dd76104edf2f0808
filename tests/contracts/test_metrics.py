import math

import numpy as np
import pytest

from medweave.metrics.mask_metric import METRICS, MaskPair
from medweave.preprocessing.geometry import Grid

NAMES = METRICS.names()
GRIDS = {
    2: Grid((12, 10), (1.0, 2.0), (0.0, 0.0), (1, 0, 0, 1)),
    3: Grid((12, 10, 8), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1)),
}
CASES = [(name, axes) for name in NAMES for axes in (2, 3)]


def _mask(axes, *, shift=0):
    mask = np.zeros(GRIDS[axes].size_voxels, np.bool_)
    mask[(slice(2 + shift, 7 + shift), slice(2, 8), slice(2, 6))[:axes]] = True
    return mask


def _value(name, axes, predicted, truth):
    return METRICS.get(name)(MaskPair(predicted, truth, GRIDS[axes]))


def _badness(name, value):
    return {"higher": -value, "lower": value, "nearer_zero": abs(value)}[METRICS.get(name).better]


def test_there_are_metrics() -> None:
    assert {"dice", "iou", "hd95_mm", "assd_mm", "nsd_2mm", "volume_error_ml"} <= set(NAMES)


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_a_perfect_answer_is_as_good_as_two_empty_masks(name, axes):
    empty = np.zeros_like(_mask(axes))
    assert _value(name, axes, _mask(axes), _mask(axes)) == _value(name, axes, empty, empty)


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_a_perfect_answer_is_no_worse_than_a_shifted_and_that_no_worse_than_a_missed_one(name, axes):
    perfect, shifted, missed = (
        _badness(name, _value(name, axes, predicted, _mask(axes)))
        for predicted in (_mask(axes), _mask(axes, shift=3), np.zeros_like(_mask(axes)))
    )
    assert perfect <= shifted <= missed
    assert perfect < missed


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_every_pair_has_a_finite_value(name, axes):
    empty, full = np.zeros_like(_mask(axes)), np.ones_like(_mask(axes))
    single = empty.copy()
    single.flat[0] = True
    masks = (empty, full, single, _mask(axes))
    values = [_value(name, axes, predicted, truth) for predicted in masks for truth in masks]
    assert len(values) == 16
    assert all(math.isfinite(value) for value in values)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_means(name):
    assert len(METRICS.get(name).meaning) > 10
