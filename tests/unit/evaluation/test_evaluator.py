import json

import numpy as np
import pytest

from medweave.core.errors import DataError
from medweave.evaluation.evaluator import CaseScores, case_dice, per_case_table, score_case, summarise_segmentation
from medweave.preprocessing.geometry import Grid

GRID = Grid((8, 8, 8), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
STRUCTURES = {"left": 1, "right": 2}


def _label_map(left=True, right=True, *, shift=0):
    array = np.zeros(GRID.size_voxels, dtype=np.uint8)
    array[1:3, 2 + shift : 6 + shift, 2:6] = left
    array[5:7, 2 + shift : 6 + shift, 2:6] = 2 * right
    return array


def _case(case_id, subject_id, predicted, truth=None):
    truth = _label_map() if truth is None else truth
    return CaseScores(case_id, subject_id, "heart", score_case(predicted, truth, structures=STRUCTURES, grid=GRID))


def test_structures_are_scored_apart():
    scores = score_case(_label_map(right=False), _label_map(), structures=STRUCTURES, grid=GRID)
    assert scores["left"].metrics["dice"] == 1.0
    assert (scores["right"].metrics["dice"], scores["right"].missed) == (0.0, True)
    assert scores["right"].metrics["hd95_mm"] == pytest.approx(GRID.diagonal_mm)
    assert scores["right"].truth_ml == pytest.approx(2 * 4 * 4 * 2 / 1000)
    assert scores["right"].metrics["volume_error_ml"] == pytest.approx(-0.064)


def test_label_maps_of_another_size_are_refused():
    with pytest.raises(DataError, match="prediction and truth lie on different grids"):
        score_case(_label_map()[:-1], _label_map(), structures=STRUCTURES, grid=GRID)


def test_summary_has_the_form_of_the_design_and_is_json():
    cases = [
        _case("c1", "s1", _label_map()),
        _case("c2", "s2", _label_map(shift=1)),
        _case("c3", "s2", _label_map(right=False)),
    ]
    head = json.loads(json.dumps(summarise_segmentation(cases, n_part_cases=4), allow_nan=False))
    assert (head["kind"], head["n_cases"], head["n_without_truth"]) == ("segmentation", 3, 1)
    assert head["mean_dice"]["mean"] == pytest.approx((1 + 0.75 + 0.5) / 3)
    right = head["structures"]["right"]
    assert right["missed"] == 1
    assert right["dice"]["mean"] == pytest.approx((1 + 0.75 + 0) / 3)
    assert (right["dice"]["worst"], right["dice"]["n"]) == (0.0, 3)
    assert right["dice"]["ci95"][0] <= right["dice"]["mean"] <= right["dice"]["ci95"][1]
    assert right["hd95_mm"]["worst"] == pytest.approx(GRID.diagonal_mm)
    assert set(right) >= {"iou", "assd_mm", "nsd_2mm", "volume_error_ml", "precision", "sensitivity"}


def test_one_subject_gives_null_intervals():
    summary = summarise_segmentation([_case("c1", "s1", _label_map())], n_part_cases=1)
    assert summary["structures"]["left"]["dice"]["ci95"] == [None, None]


def test_a_head_without_any_truth_has_counts_and_no_means():
    assert summarise_segmentation([], n_part_cases=1) == {
        "kind": "segmentation",
        "n_cases": 0,
        "n_without_truth": 1,
        "mean_dice": None,
        "structures": {},
    }


def test_per_case_table_has_a_row_a_structure():
    table = per_case_table([_case("c1", "s1", _label_map(right=False))])
    assert table["structure"].tolist() == ["left", "right"]
    assert table["missed"].tolist() == [False, True]
    assert list(table.columns[:5]) == ["case_id", "subject_id", "head", "structure", "dice"]
    assert table["predicted_ml"].tolist() == pytest.approx([0.064, 0.0])


def test_case_dice_is_the_mean_over_structures():
    assert case_dice(_case("c1", "s1", _label_map(right=False))) == 0.5


@pytest.mark.parametrize(("axes", "unit", "volume"), [(3, "mL", 0.064), (2, "cm²", 0.08)])
def test_volumes_have_their_unit_and_areas_theirs(axes, unit, volume):
    flat = Grid((8, 8), (1.0, 1.0), (0.0, 0.0), (1, 0, 0, 1))
    label_map = np.zeros((8,) * axes, np.uint8)
    label_map[(slice(1, 5), slice(2, 4), slice(2, 6))[:axes]] = 1
    scores = score_case(label_map, label_map, structures={"left": 1}, grid=GRID if axes == 3 else flat)
    cases = [CaseScores("c1", "s1", "heart", scores)]
    assert (scores["left"].truth_ml, scores["left"].volume_unit) == (pytest.approx(volume), unit)
    assert per_case_table(cases)["volume_unit"].tolist() == [unit]
    assert summarise_segmentation(cases, n_part_cases=1)["volume_unit"] == unit
