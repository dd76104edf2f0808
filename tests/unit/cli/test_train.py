from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import train as command
from medweave.runs.folder import RunFolder
from medweave.workflows.train import TrainingResult

SUMMARY = {
    "monitor": "val/score",
    "best_value": 0.91234,
    "best_epoch": 7,
    "epochs": 9,
    "ended": "no better val/score in 2 validations",
    "ended_early": True,
    "seconds": 90.0,
    "measurement_classifiers": {},
    "at_best_epoch": {"val/score": 0.91234},
    "fitted_cases": {"cases": 2, "scores": {"score": 0.95}},
}


@pytest.fixture
def calls(monkeypatch):
    found = []

    def run(recipe, **arguments):
        found.append((recipe, arguments))
        arguments.pop("on_progress")("reading", 1, 2)
        return TrainingResult(RunFolder(arguments["output"]), SUMMARY)

    monkeypatch.setattr(command.workflow, "run", run)
    return found


def _invoke(*arguments):
    app = typer.Typer()
    app.command()(command.train)
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_arguments_reach_the_workflow_and_the_next_step_is_named(calls):
    result = _invoke(
        "heart", "--data", "d", "--output", "runs/a", "optimizer.lr=1", "training.max_epochs=9", "--resume"
    )
    expected = {
        "data": Path("d"),
        "output": Path("runs/a"),
        "overrides": ["optimizer.lr=1", "training.max_epochs=9"],
        "resume": True,
    }
    assert calls == [("heart", expected)]
    assert result.stdout.splitlines() == [
        "best val/score 0.9123 in epoch 7 of 9; it ended, no better val/score in 2 validations",
        "score 0.9123 on validation cases, 0.9500 on training cases",
        "1.5 minutes; runs/a",
        "next: medweave evaluate runs/a",
    ]


def test_the_next_step_can_be_pasted_into_a_shell(calls):
    result = _invoke("heart", "--data", "d", "--output", "my runs/a")
    assert result.stdout.splitlines()[-1] == "next: medweave evaluate 'my runs/a'"


def test_without_overrides_the_recipe_is_taken_as_it_is(calls):
    _invoke("heart", "--data", "d", "--output", "runs/a")
    assert (calls[0][1]["overrides"], calls[0][1]["resume"]) == ([], False)


def test_folds_are_trained_one_by_one_and_a_collapse_is_said(monkeypatch):
    calls = []

    def run(recipe, *, on_stage, on_progress, **arguments):
        calls.append((recipe, arguments))
        on_progress("reading", 1, 2)
        on_stage("fold 1 of 2: val/score 0.9000 in epoch 3 of 4, 1.0 minutes")
        summary = SUMMARY | {
            "score": {"mean": 0.5, "lowest": 0.1, "highest": 0.9},
            "folds": {"fold_1": {}, "fold_2": {}},
            "alarms": {"fold_2": ["it found nothing"]},
        }
        return TrainingResult(RunFolder(arguments["output"]), summary)

    monkeypatch.setattr(command.folds_workflow, "run", run)
    result = _invoke("heart", "--data", "d", "--output", "runs/a", "--folds", "2", "optimizer.lr=1", "--resume")
    settings = {"data": Path("d"), "output": Path("runs/a"), "n_folds": 2, "overrides": ["optimizer.lr=1"]}
    assert calls == [("heart", settings | {"resume": True})]
    assert "fold 1 of 2: val/score 0.9000 in epoch 3 of 4, 1.0 minutes" in result.stderr
    assert result.stdout.splitlines() == [
        "mean val/score of 2 folds: 0.5000 (0.1000 to 0.9000)",
        "alarm: fold_2 collapsed: it found nothing",
        "1.5 minutes; runs/a",
        "next: medweave evaluate runs/a",
    ]
