import numpy as np
import pytest

from medweave.core.errors import UsageError
from medweave.measurements.measurement import MEASUREMENTS, Segmentation, measurement_label
from medweave.preprocessing.geometry import Grid


def _segmentation(labels, spacing_mm):
    axes = labels.ndim
    grid = Grid(labels.shape, spacing_mm, (0.0,) * axes, tuple(np.eye(axes).ravel()))
    return Segmentation(labels.astype(np.uint8), {"lv": 3, "rv": 1}, grid)


def test_a_volume_is_voxels_times_their_size():
    labels = np.zeros((4, 5, 6))
    labels[1:3, 1:4, 2:4] = 3
    segmentation = _segmentation(labels, (1.5, 2.0, 10.0))
    assert segmentation.volume_ml("lv") == pytest.approx(12 * 1.5 * 2.0 * 10.0 / 1000)
    assert segmentation.volume_ml("rv") == 0.0


def test_in_2d_a_volume_is_an_area_in_square_centimetres():
    assert _segmentation(np.full((4, 5), 3), (1.5, 2.0)).volume_ml("lv") == pytest.approx(20 * 3.0 / 100)


def test_a_mask_is_where_the_structure_has_its_value():
    labels = np.arange(8).reshape(2, 2, 2)
    assert np.argwhere(_segmentation(labels, (1.0, 1.0, 1.0)).mask("lv")).tolist() == [[0, 1, 1]]


def test_sets_of_measurements_are_found_by_name():
    assert {"cardiac", "volumes"} <= set(MEASUREMENTS.names())
    with pytest.raises(UsageError, match=r"unknown set of measurements 'cardiak'. Did you mean 'cardiac'\?"):
        MEASUREMENTS.get("cardiak")


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("rv_to_lv_end_systolic_volume", "RV to LV end systolic volume"),
        ("lungs_left_area", "Lungs left area"),
        ("Lungs_left_area", "Lungs left area"),
    ],
)
def test_a_label_is_made_of_the_name(name, label):
    assert measurement_label(name) == label
