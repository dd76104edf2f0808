from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import demo as command
from medweave.cli.evaluate import CLASS_METRICS, STRUCTURE_METRICS
from medweave.workflows.demo import Demo

METRIC = {"mean": 0.91, "ci95": [0.88, 0.93], "worst": 0.8, "n": 5}
HEAD = {
    "kind": "segmentation",
    "n_without_truth": 0,
    "mean_dice": METRIC,
    "volume_unit": "mL",
    "structures": {"left_atrium": dict.fromkeys(STRUCTURE_METRICS, METRIC) | {"missed": 0}},
}
CLASSES = {"kind": "classification", "n_cases": 5, "n_without_truth": 0, **dict.fromkeys(CLASS_METRICS, METRIC)}
SUMMARY = {"split": "test", "n_cases": 5, "n_subjects": 5, "heads": {"heart": HEAD, "diagnosis": CLASSES}}


@pytest.fixture
def demo(monkeypatch):
    """Invoke the command on a workflow that does nothing; return the result and the folder that it was given."""
    folders = []

    def run(folder, *, on_stage, on_progress):
        folders.append(folder)
        on_stage("training the recipe `demo`")
        return Demo(
            folder / "a.html", folder / "run", folder / "b.html", folder / "bundle", folder / "predictions", SUMMARY
        )

    monkeypatch.setattr(command.workflow, "run", run)
    app = typer.Typer()
    app.command()(command.demo)
    return lambda *arguments: (CliRunner().invoke(app, list(arguments), catch_exceptions=False), folders[-1])


def test_results_go_to_standard_output_and_stages_to_standard_error(demo):
    result, folder = demo("--output", "out/demo")
    assert folder == Path("out/demo")
    assert result.stderr == "• training the recipe `demo`\n"
    assert "the report:      out/demo/b.html" in result.stdout
    assert "heart Dice 0.910, diagnosis accuracy 0.91 in 0 seconds" in result.stdout


def test_without_an_output_folder_a_new_one_is_taken_each_time(demo):
    (_, first), (_, second) = demo(), demo()
    assert first != second
    assert first.is_dir()
    assert list(first.iterdir()) == []
    first.rmdir()
    second.rmdir()
