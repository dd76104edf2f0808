import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import predict as command
from medweave.workflows.predict import PredictionReport

DONE = {"case_id": "a", "status": "done", "head": "heart", "structure": "left_atrium", "volume_ml": 86.357}
FAILED = {"case_id": "b", "status": "failed", "reason": "damaged"}


@pytest.fixture
def predict(monkeypatch, tmp_path):
    """Invoke the command on a workflow that answers with the given failures."""
    calls = []

    def invoke(*arguments, failures=None):
        def run(model, inputs, **given):
            calls.append((model, inputs, given))
            given["on_progress"]("predicting", 1, 2)
            (tmp_path / "predictions.json").write_text('{"predictions": []}\n')
            return PredictionReport(tmp_path, (DONE, FAILED), failures or {})

        monkeypatch.setattr(command.workflow, "run", run)
        app = typer.Typer()
        app.command()(command.predict)
        return CliRunner().invoke(app, ["run", "x.nii", "folder", "--output", "new", *arguments]), calls[0]

    return invoke


def test_volumes_are_shown_and_the_folder_is_named(predict, tmp_path):
    result, (model, inputs, given) = predict("--probabilities", "--no-overlay")
    assert (model, inputs) == (Path("run"), [Path("x.nii"), Path("folder")])
    assert (given["output"], given["probabilities"], given["overlay"]) == (Path("new"), True, False)
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if "left_atrium" in line]
    assert "86.36" in row
    assert f"written to {tmp_path}" in result.stdout


def test_a_failed_case_is_an_error_line_and_exit_code_1(predict):
    result, _ = predict(failures={"b": "damaged (case b)"})
    assert result.exit_code == 1
    assert result.stderr == "error: damaged (case b)\n"


def test_json_is_the_written_object(predict):
    result, _ = predict("--json")
    assert json.loads(result.stdout) == {"predictions": []}
