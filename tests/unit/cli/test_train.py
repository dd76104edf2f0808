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
    "seconds": 90.0,
    "measurement_classifiers": {},
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
        "best val/score 0.9123 in epoch 7 of 9",
        "1.5 minutes; runs/a",
        "next: medweave evaluate runs/a",
    ]


def test_the_next_step_can_be_pasted_into_a_shell(calls):
    result = _invoke("heart", "--data", "d", "--output", "my runs/a")
    assert result.stdout.splitlines()[-1] == "next: medweave evaluate 'my runs/a'"


def test_without_overrides_the_recipe_is_taken_as_it_is(calls):
    _invoke("heart", "--data", "d", "--output", "runs/a")
    assert (calls[0][1]["overrides"], calls[0][1]["resume"]) == ([], False)
