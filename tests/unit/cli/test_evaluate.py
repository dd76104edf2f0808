import io
import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from medweave.cli import evaluate as command
from medweave.workflows.evaluate import Evaluation

METRIC = {"mean": 0.91, "ci95": [0.88, 0.93], "worst": 0.8, "n": 15}
SUMMARY = {
    "split": "test",
    "n_cases": 15,
    "n_subjects": 14,
    "heads": {
        "heart": {
            "kind": "segmentation",
            "n_cases": 15,
            "n_without_truth": 2,
            "mean_dice": METRIC,
            "structures": {"left_atrium": dict.fromkeys(command.SHOWN_METRICS, METRIC) | {"missed": 1}},
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


def test_the_table_says_what_is_missed_and_left_out():
    console = Console(file=io.StringIO(), width=80)
    console.print(command.score_table(SUMMARY))
    text = console.file.getvalue()
    assert "15 cases of 14 subjects" in text
    assert "few subjects" not in text
    assert "0.880 to 0.930" in text
    assert "left_atrium: missed in 1 of 15 cases" in text
    assert "heart: 2 cases without a true label map are left out" in text


def test_one_subject_has_no_interval():
    structure = {name: METRIC | {"ci95": [None, None]} for name in command.SHOWN_METRICS} | {"missed": 0}
    summary = SUMMARY | {
        "n_subjects": 1,
        "heads": {"heart": {"n_without_truth": 0, "structures": {"left_atrium": structure}}},
    }
    console = Console(file=io.StringIO(), width=80)
    console.print(command.score_table(summary))
    assert "none: one subject" in console.file.getvalue()
    assert "few subjects: the intervals are too narrow" in console.file.getvalue()


def test_an_unknown_part_is_wrong_usage(calls):
    assert _invoke("run", "--split", "train").exit_code == 2
