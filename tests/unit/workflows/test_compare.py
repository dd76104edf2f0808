import json

import numpy as np
import pandas as pd
import pytest

from medweave.core.errors import RunError, UsageError
from medweave.workflows import compare


def _write(run, dice):
    table = pd.DataFrame(
        {
            "case_id": [f"{number:03}" for number in range(len(dice))],
            "subject_id": [f"{number:03}" for number in range(len(dice))],
            "head": "heart",
            "structure": "left_atrium",
            "dice": dice,
            "nsd_2mm": dice,
            "hd95_mm": 10 * (1 - np.asarray(dice)),
            "truth_ml": 50.0,
        }
    )
    folder = run / "evaluation/test"
    folder.mkdir(parents=True)
    table.to_csv(folder / "per_case.csv", index=False)
    return run


@pytest.fixture
def runs(tmp_path):
    dice = np.linspace(0.7, 0.85, 10)
    return [_write(tmp_path / "a/unet", dice), _write(tmp_path / "b/vnet", dice + 0.05)]


def test_runs_are_named_by_their_folders_and_compared(runs, tmp_path):
    comparison = compare.run(runs, output=tmp_path / "out.json")
    assert {(row.first, row.second, row.better) for row in comparison.rows} == {("unet", "vnet", "vnet")}
    assert json.loads((tmp_path / "out.json").read_text())["n_common_cases"] == 10


def test_runs_whose_folders_have_one_name_are_named_by_path(runs, tmp_path):
    twin = _write(tmp_path / "c/unet", np.linspace(0.7, 0.85, 10))
    comparison = compare.run([runs[0], twin])
    assert comparison.rows[0].first == str(runs[0])


def test_one_run_cannot_be_compared(runs):
    with pytest.raises(UsageError, match="two or more different runs"):
        compare.run([runs[0], runs[0]])


def test_an_absent_run_is_refused(runs, tmp_path):
    with pytest.raises(RunError, match=r"run folder not found \(.*/none\)"):
        compare.run([runs[0], tmp_path / "none"])


def test_a_run_without_an_evaluation_says_what_to_do(runs, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(RunError, match=r"the run is not evaluated .*medweave evaluate .*/none --split test"):
        compare.run([runs[0], tmp_path / "none"])


@pytest.mark.parametrize("content", ["", "case_id,dice\n1,0.5\n"])
def test_a_broken_table_is_refused(runs, content):
    (runs[0] / "evaluation/test/per_case.csv").write_text(content)
    with pytest.raises(RunError, match="the table cannot be read"):
        compare.run(runs)


def _classify(run, answers):
    table = pd.DataFrame(
        {
            "case_id": [f"{number:03}" for number in range(len(answers))],
            "subject_id": [f"{number:03}" for number in range(len(answers))],
            "true_class": "NA",
            "pred_class": answers,
            "prob_NA": 0.5,
            "missing_inputs": "",
        }
    )
    folder = run / "evaluation/test"
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "classification_grade.csv", index=False)
    return run


def test_runs_that_only_classify_are_compared_by_their_answers(tmp_path):
    runs = [_classify(tmp_path / "a", ["NA"] * 10), _classify(tmp_path / "b", ["high"] * 8 + ["NA"] * 2)]
    (row,) = compare.run(runs).class_rows
    assert (row.head, row.first_accuracy, row.second_accuracy, row.better) == ("grade", 1.0, 0.2, "a")


def test_a_head_that_one_run_lacks_is_left_out(runs):
    _classify(runs[0], ["NA"] * 10)
    comparison = compare.run(runs)
    assert (len(comparison.rows), len(comparison.class_rows)) == (3, 0)
