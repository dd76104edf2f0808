import json
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from medweave.cli import predict as command
from medweave.workflows.predict import PredictionOptions, PredictionReport


def _record(case_id="a", **parts):
    empty = {"segmentations": {}, "classifications": {}, "measurements": [], "warnings": []}
    return {"case_id": case_id, "status": "done"} | empty | parts


def _heart(**found):
    return {"heart": {"unit": "mL", "structures": {"left_atrium": {"volume": 86.357, **found}}}}


def _diagnosis(**chances):
    return {"diagnosis": {"classes": {name: {"probability": chance} for name, chance in chances.items()}}}


DONE = _record(segmentations=_heart())
MEASURED = [{"name": f"size_{number}", "value": number + 0.26, "unit": "mL"} for number in range(20)]
FAILED = {"case_id": "b", "status": "failed", "reason": "damaged"}


@pytest.fixture
def predict(monkeypatch, tmp_path):
    """Invoke the command on a workflow that answers with the given report."""
    calls = []

    def invoke(*arguments, **report):
        def run(model, inputs, **given):
            calls.append((model, inputs, given))
            given["on_progress"]("predicting", 1, 2)
            (tmp_path / "predictions.json").write_text('{"predictions": []}\n')
            return PredictionReport(tmp_path, **{"records": (DONE, FAILED), "n_cases": 2, "n_resumed": 0} | report)

        monkeypatch.setattr(command.workflow, "run", run)
        app = typer.Typer()
        app.command()(command.predict)
        return CliRunner().invoke(app, ["run", "x.nii", "folder", "--output", "new", *arguments]), calls[0]

    return invoke


def test_volumes_are_shown_and_the_folder_is_named(predict, tmp_path):
    result, (model, inputs, given) = predict()
    assert (model, inputs, given["output"]) == (Path("run"), [Path("x.nii"), Path("folder")], Path("new"))
    assert (given["options"], given["resume"], given["provider"]) == (PredictionOptions(), False, None)
    assert result.exit_code == 0
    (row,) = [line for line in result.stdout.splitlines() if "left_atrium" in line]
    assert "86.36" in row
    assert f"written to {tmp_path}" in result.stdout


def test_where_every_case_failed_no_table_is_shown(predict, tmp_path):
    result, _ = predict(records=(FAILED,), n_cases=1, failures={"b": "damaged"})
    assert result.stdout == f"written to {tmp_path}\n"
    assert (result.stderr, result.exit_code) == ("error: damaged\n", 1)


def test_every_option_reaches_the_workflow(predict):
    flags = ("--probabilities", "--no-overlay", "--uncertainty", "--flips", "--no-validate", "--strict", "--resume")
    _, (_, _, given) = predict(*flags, "--provider", "openvino")
    assert given["options"] == PredictionOptions(
        probabilities=True, overlay=False, uncertainty=True, flips=True, validate=False, strict=True
    )
    assert (given["resume"], given["provider"]) == (True, "openvino")


def _lines(*records):
    console = Console(width=110)
    with console.capture() as capture:
        console.print(command.answer_table(records))
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]


def test_the_classes_of_a_head_are_shown_likeliest_first():
    assert _lines(_record("c", classifications=_diagnosis(NOR=0.2, DCM=0.75, HCM=0.05))) == [
        ["c", "diagnosis", "DCM", "0.750"],
        ["", "diagnosis", "NOR", "0.200"],
        ["", "diagnosis", "HCM", "0.050"],
    ]


def test_the_first_measurements_are_shown_and_the_others_counted():
    lines = _lines(DONE, _record("c", measurements=MEASURED))
    assert lines[0] == ["a", "heart", "left_atrium", "86.36 mL"]
    assert lines[1:19] == [["c" if n == 0 else "", "", f"Size {n}", f"{n}.3 mL"] for n in range(18)]
    assert lines[19] == ["", "", "and 2 more in predictions.csv", ""]


def test_what_could_not_be_measured_is_said():
    assert _lines(_record(measurements=[MEASURED[0] | {"value": None}]))[0][3] == "not measured"
    assert _lines(_record(measurements=[MEASURED[0] | {"unit": ""}]))[0][3] == "0.3"


def test_the_spread_stands_beside_its_value():
    classes = {"diagnosis": {"classes": {"NOR": {"probability": 0.25, "standard_deviation": 0.0519}}}}
    lines = _lines(_record(segmentations=_heart(standard_deviation=3.14), classifications=classes))
    assert [line[3] for line in lines] == ["86.36 ± 3.14 mL", "0.250 ± 0.052"]


def test_warnings_are_shown_with_their_case_and_counted(predict):
    warning = {"code": "spacing", "input_name": "mri", "message": "9 mm, trained on 1"}
    assert _lines(_record(warnings=[warning])) == [["a", "doubtful", "mri: 9 mm, trained on 1", ""]]
    result, _ = predict(doubtful=2)
    assert "2 of 2 cases are unlike the training images" in result.stdout


def test_of_many_cases_the_first_are_shown_and_the_others_counted(predict):
    result, _ = predict(n_cases=100, n_resumed=30)
    assert "30 of 100 cases were done before" in result.stdout
    assert "and 68 more cases in predictions.csv" in result.stdout


def test_a_failed_case_is_an_error_line_and_exit_code_1(predict):
    result, _ = predict(failures={"b": "damaged (case b)"})
    assert result.exit_code == 1
    assert result.stderr == "error: damaged (case b)\n"


def test_json_is_the_written_object(predict):
    result, _ = predict("--json")
    assert json.loads(result.stdout) == {"predictions": []}
