import numpy as np
import pytest

from medweave.core.errors import RunError, UsageError
from medweave.metrics.mask_metric import METRICS, MaskPair, mask_metric, metric_names
from medweave.preprocessing.geometry import Grid

GRID = Grid((10, 10, 10), (1.0, 2.0, 2.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
DIAGONAL_MM = 30.0  # of 10 x 20 x 20 mm


def _mask(filled):
    mask = np.zeros(GRID.size_voxels, dtype=bool)
    mask[2:7, 2:7, 2:6] = filled
    return mask


def _values(predicted, truth):
    pair = MaskPair(_mask(predicted), _mask(truth), GRID)
    return {name: METRICS.get(name)(pair) for name in metric_names()}


def test_metrics_read_from_overlap_to_volume():
    assert metric_names()[:5] == ["dice", "iou", "precision", "sensitivity", "hd95_mm"]
    assert set(metric_names()) == set(METRICS.names())


def test_identical_masks_are_perfect():
    assert _values(True, True) == {
        "dice": 1,
        "iou": 1,
        "precision": 1,
        "sensitivity": 1,
        "hd95_mm": 0,
        "assd_mm": 0,
        "nsd_2mm": 1,
        "volume_error_ml": 0,
        "absolute_volume_error_ml": 0,
    }


def test_two_empty_masks_are_perfect():
    assert _values(False, False) == _values(True, True)


@pytest.mark.parametrize(("predicted", "truth", "error_ml"), [(False, True, -0.4), (True, False, 0.4)])
def test_one_empty_mask_gets_the_worst_values(predicted, truth, error_ml):
    values = _values(predicted, truth)
    assert [values[name] for name in ("dice", "iou", "precision", "sensitivity", "nsd_2mm")] == [0] * 5
    assert values["hd95_mm"] == values["assd_mm"] == pytest.approx(DIAGONAL_MM)
    assert values["volume_error_ml"] == pytest.approx(error_ml)  # 100 voxels of 4 mm³
    assert values["absolute_volume_error_ml"] == pytest.approx(0.4)


def test_only_an_absent_prediction_is_missed():
    missed = [MaskPair(_mask(p), _mask(t), GRID).is_missed for p, t in [(0, 1), (1, 0), (0, 0), (1, 1)]]
    assert missed == [True, False, False, False]


def test_area_stands_for_volume_in_two_dimensions():
    grid = Grid((10, 10), (5.0, 2.0), (0.0, 0.0), (1, 0, 0, 1))
    truth = np.zeros((10, 10), dtype=bool)
    truth[2:6, 3:8] = True
    pair = MaskPair(np.roll(truth, 1, axis=0), truth, grid)
    assert pair.truth_ml == pytest.approx(2.0)  # 20 pixels of 10 mm², in cm²
    assert METRICS.get("hd95_mm")(pair) == pytest.approx(5.0)
    assert METRICS.get("dice")(pair) == pytest.approx(15 / 20)


def test_worst_of_follows_the_direction():
    values = np.array([0.5, -2.0, 1.0])
    worst = {name: METRICS.get(name).worst_of(values) for name in ("dice", "hd95_mm", "volume_error_ml")}
    assert worst == {"dice": -2.0, "hd95_mm": 1.0, "volume_error_ml": -2.0}


@pytest.fixture
def plug_in(monkeypatch):
    monkeypatch.setattr(METRICS, "_components", dict(METRICS._components))

    @mask_metric("surface_count", better="lower", meaning="For the test.", both_empty=0.0, worst=None)
    def surface_count(pair):
        return len(pair.surface_distances.to_truth_mm) if pair.counts.both else float("nan")

    return surface_count


def test_a_plug_in_metric_comes_last(plug_in):
    assert metric_names()[-1] == "surface_count"
    assert METRICS.get("surface_count")(MaskPair(_mask(True), _mask(True), GRID)) == 100 - 3 * 3 * 2


def test_a_metric_that_is_not_finite_raises(plug_in):
    with pytest.raises(RunError, match="metric 'surface_count' gave no finite number: got nan"):
        plug_in(MaskPair(_mask(False), _mask(True), GRID))


def test_a_second_metric_of_one_name_raises():
    with pytest.raises(UsageError, match="two metrics are called 'dice'"):
        mask_metric("dice", better="higher", meaning="", both_empty=1.0, worst=None)(lambda pair: 1.0)
