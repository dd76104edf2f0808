import numpy as np
import pytest

from medweave.measurements.measurement import Segmentation
from medweave.measurements.volumes import Volumes
from medweave.preprocessing.geometry import Grid


def _segmentation(shape, spacing_mm):
    labels = np.zeros(shape, np.uint8)
    labels[:2] = 1
    axes = len(shape)
    return Segmentation(labels, {"left": 1, "right": 2}, Grid(shape, spacing_mm, (0.0,) * axes, ()))


def test_every_structure_of_every_head_has_a_volume():
    found = Volumes()({"lungs": _segmentation((4, 5, 6), (1.0, 2.0, 5.0))}, {})
    assert [(item.name, item.value, item.unit) for item in found] == [
        ("lungs_left_volume", pytest.approx(60 * 10 / 1000), "mL"),
        ("lungs_right_volume", 0.0, "mL"),
    ]


def test_in_2d_it_is_an_area():
    found = Volumes()({"lungs": _segmentation((4, 5), (1.0, 2.0))}, {})
    assert [(item.name, item.value, item.unit) for item in found] == [
        ("lungs_left_area", pytest.approx(0.2), "cm²"),
        ("lungs_right_area", 0.0, "cm²"),
    ]


def test_every_study_is_fit_for_it():
    assert list(Volumes().problems({}, {})) == []
