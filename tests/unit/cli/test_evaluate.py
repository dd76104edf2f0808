import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import evaluate as command
from medweave.workflows.evaluate import Evaluation

METRIC = {"mean": 0.91, "ci95": [0.88, 0.93], "worst": 0.8, "n": 15}
SUMMARY = {
    "split": "test",
    "n_cases": 15,
    "n_subjects": 14,
    "measurements": {},
    "heads": {
        "heart": {
            "kind": "segmentation",
            "n_cases": 15,
            "n_without_truth": 2,
            "volume_unit": "cm²",
            "mean_dice": METRIC,
            "structures": {"left_atrium": dict.fromkeys(command.STRUCTURE_METRICS, METRIC) | {"missed": 1}},
        }
    },
}


@pytest.fixture
def calls(monkeypatch):
    found = []

    def run(model, **arguments):
        found.append((model, arguments))
        arguments["on_progress"](1, 2)
        return Evaluation(Path("run/evaluation/test"), SUMMARY)

    monkeypatch.setattr(command.workflow, "run", run)
    return found


def _invoke(*arguments):
    app = typer.Typer()
    app.command()(command.evaluate)
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_json_is_exactly_the_summary(calls):
    result = _invoke("run", "--json", "--data", "study", "--no-save-predictions")
    assert json.loads(result.stdout) == SUMMARY
    model, arguments = calls[0]
    assert (model, arguments["data"], arguments["save_predictions"]) == (Path("run"), Path("study"), False)


def test_the_table_shows_intervals_and_the_report_is_named(calls):
    result = _invoke("run", "--split", "val")
    assert calls[0][1]["split"] == "val"
    assert "left_atrium" in result.stdout
    assert "report: run/evaluation/test/report.html" in result.stdout


def _show(monkeypatch, summary):
    """Everything that the command prints about a summary."""
    monkeypatch.setattr(command.workflow, "run", lambda *_, **__: Evaluation(Path("folder"), summary))
    return _invoke("run").stdout


def test_the_command_says_what_is_missed_and_left_out(monkeypatch):
    text = _show(monkeypatch, SUMMARY)
    assert "15 cases of 14 subjects" in text
    assert "few subjects" not in text
    assert "0.880 to 0.930" in text
    assert "left_atrium: missed in 1 of 15 cases" in text
    assert "heart: 2 cases without truth are left out" in text


def test_one_subject_has_no_interval(monkeypatch):
    structure = {name: METRIC | {"ci95": [None, None]} for name in command.STRUCTURE_METRICS} | {"missed": 0}
    head = SUMMARY["heads"]["heart"] | {"n_without_truth": 0, "structures": {"left_atrium": structure}}
    text = _show(monkeypatch, SUMMARY | {"n_subjects": 1, "heads": {"heart": head}})
    assert "0.910 │          none" in text
    assert "few subjects: the intervals are too narrow" in text


CLASSES = {
    "kind": "classification",
    "n_cases": 15,
    "n_without_truth": 0,
    **dict.fromkeys(command.CLASS_METRICS, METRIC),
    "roc_auc": {"mean": None, "ci95": [None, None], "n": 15},
    "notes": ["no case is viral: its metrics and the means over classes are undefined"],
}


def test_classes_and_structures_have_a_table_each(monkeypatch):
    text = _show(monkeypatch, SUMMARY | {"heads": SUMMARY["heads"] | {"diagnosis": CLASSES}})
    assert text.count("15 cases of 14 subjects") == 2
    assert "balanced accuracy" in text
    assert "left_atrium" in text


def test_an_undefined_metric_is_said_with_its_reason(monkeypatch):
    text = _show(monkeypatch, SUMMARY | {"heads": {"diagnosis": CLASSES}})
    assert "ROC AUC           │ undefined │" in text
    assert "diagnosis: no case is viral" in text
    assert "left_atrium" not in text


def test_a_head_without_any_truth_has_no_rows(monkeypatch):
    empty = CLASSES | dict.fromkeys(command.CLASS_METRICS) | {"n_cases": 0, "n_without_truth": 15, "notes": []}
    text = _show(monkeypatch, SUMMARY | {"heads": {"diagnosis": empty}})
    assert "diagnosis: 15 cases without truth are left out" in text


def test_an_unknown_part_is_wrong_usage(calls):
    assert _invoke("run", "--split", "train").exit_code == 2


def _agreement(bias, *, n=15, n_unmeasured=0):
    found = {"mean": bias, "ci95": [bias - 1, bias + 1]}
    return {
        "unit": "mL",
        "n": n,
        "n_unmeasured": n_unmeasured,
        "bias": found,
        "absolute_error": found,
        "limits": [bias - 9, bias + 9],
        "correlation": 0.98,
        "true_mean": 120.0,
    }


def test_the_first_measurements_are_shown_with_their_agreement(monkeypatch):
    measurements = {f"size_{number}": _agreement(number + 0.5) for number in range(13)}
    text = _show(monkeypatch, SUMMARY | {"measurements": measurements})
    (row,) = [line for line in text.splitlines() if "Size 2 mL" in line]
    assert [cell.strip() for cell in row.split("│")[1:-1]] == [
        "Size 2 mL",
        "+2.50",
        "+1.50 to +3.50",
        "-6.50 to +11.50",
        "0.980",
    ]
    assert "Size 10 mL" in text
    assert "Size 11 mL" not in text


def test_what_was_not_measured_is_said(monkeypatch):
    never = {**_agreement(0.0), "n": 0, "n_unmeasured": 3, "bias": None, "limits": None, "correlation": None}
    once = {**_agreement(1.0, n=1, n_unmeasured=2), "limits": None, "correlation": None}
    text = _show(monkeypatch, SUMMARY | {"measurements": {"lv_mass": never, "rv_mass": once}})
    assert "LV mass: not measured in 3 cases" in text
    assert "LV mass mL" not in text
    (row,) = [line for line in text.splitlines() if "RV mass mL" in line]
    assert [cell.strip() for cell in row.split("│")[4:6]] == ["none", "undefined"]


def test_the_control_of_shortcuts_is_asked_for_and_said(calls, monkeypatch):
    _invoke("run", "--shortcut-control")
    assert calls[0][1]["shortcut_control"] is True
    control = CLASSES | {"shortcut_control": {"meaning": "no sign of a shortcut"}}
    assert "diagnosis: no sign of a shortcut" in _show(monkeypatch, SUMMARY | {"heads": {"diagnosis": control}})


@pytest.fixture
def of_ensemble(monkeypatch):
    """Calls of the workflow for an ensemble of two folds, one of which collapsed."""
    found = []

    def run(model, **arguments):
        found.append(arguments)
        folds = {name: {} for name in ("fold_1", "fold_2")}
        ensemble = {"folds": folds, "alarms": {"fold_2": ["it found nothing", "nor did it try"]}}
        summary = SUMMARY | {"split": arguments["split"], "ensemble": ensemble}
        return Evaluation(Path("run/evaluation") / arguments["split"], summary)

    monkeypatch.setattr(command.workflow, "run", run)
    monkeypatch.setattr(command.workflow, "parts_by_default", lambda model: ("folds", "test"))
    return found


def test_an_ensemble_is_judged_on_both_parts_which_are_told_apart(of_ensemble):
    output = _invoke("run").stdout
    assert [arguments["split"] for arguments in of_ensemble] == ["folds", "test"]
    assert "out of fold, each case answered by the run that left it out: 15 cases" in " ".join(output.split())
    assert "test, answered by the mean of 2 runs: 15 cases" in " ".join(output.split())
    assert output.count("alarm: fold_2 collapsed: it found nothing; nor did it try") == 2
    assert "run/evaluation/folds/report.html" in output


def test_two_parts_have_a_folder_and_a_summary_each(of_ensemble):
    output = _invoke("run", "--output", "out", "--json").stdout
    assert [arguments["output"] for arguments in of_ensemble] == [Path("out/folds"), Path("out/test")]
    assert list(json.loads(output)) == ["folds", "test"]


def test_a_named_part_or_other_data_are_judged_alone(of_ensemble):
    assert json.loads(_invoke("run", "--split", "folds", "--json").stdout)["split"] == "folds"
    _invoke("run", "--data", "elsewhere", "--output", "out")
    assert [arguments["output"] for arguments in of_ensemble] == [None, Path("out")]
