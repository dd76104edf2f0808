import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from medweave.cli import predict as command
from medweave.workflows.predict import PredictionReport

DONE = {
    "case_id": "a",
    "status": "done",
    "head": "heart",
    "structure": "left_atrium",
    "volume_ml": 86.357,
    "unit": "mL",
}
DIAGNOSES = [
    {"case_id": "c", "status": "done", "head": "diagnosis", "class": name, "probability": probability}
    for name, probability in (("NOR", 0.2), ("DCM", 0.75), ("HCM", 0.05))
]
MEASURED = [
    {"case_id": "c", "status": "done", "measurement": f"size_{number}", "value": number + 0.26, "unit": "mL"}
    for number in range(13)
]
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


def _lines(rows):
    console = Console(width=100)
    with console.capture() as capture:
        console.print(command.answer_table(rows))
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]


def test_the_classes_of_a_head_are_shown_likeliest_first():
    assert _lines(DIAGNOSES) == [
        ["c", "diagnosis", "DCM", "0.750"],
        ["", "diagnosis", "NOR", "0.200"],
        ["", "diagnosis", "HCM", "0.050"],
    ]


def test_the_first_measurements_are_shown_and_the_others_counted():
    lines = _lines([DONE, *MEASURED])
    assert lines[0] == ["a", "heart", "left_atrium", "86.36 mL"]
    assert lines[1:12] == [["c" if n == 0 else "", "", f"Size {n}", f"{n}.3 mL"] for n in range(11)]
    assert lines[12] == ["", "", "and 2 more in predictions.csv", ""]


def test_what_could_not_be_measured_is_said():
    assert _lines([{**MEASURED[0], "value": None}])[0][3] == "not measured"
    assert _lines([{**MEASURED[0], "unit": ""}])[0][3] == "0.3"


def test_a_failed_case_is_an_error_line_and_exit_code_1(predict):
    result, _ = predict(failures={"b": "damaged (case b)"})
    assert result.exit_code == 1
    assert result.stderr == "error: damaged (case b)\n"


def test_json_is_the_written_object(predict):
    result, _ = predict("--json")
    assert json.loads(result.stdout) == {"predictions": []}
