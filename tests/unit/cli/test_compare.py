import json

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import compare as command
from medweave.evaluation.class_comparison import ClassComparisonRow
from medweave.evaluation.comparison import Comparison, ComparisonRow

ROW = ComparisonRow(
    head="heart",
    structure="left_atrium",
    metric="dice",
    first="unet",
    second="vnet",
    first_mean=0.81,
    second_mean=0.85,
    difference=0.04,
    ci95=[0.01, 0.06],
    p_value=0.0002,
    p_holm=0.0006,
    better="vnet",
    n_cases=12,
)
CLASS_ROW = ClassComparisonRow(
    head="diagnosis",
    first="unet",
    second="vnet",
    first_accuracy=0.75,
    second_accuracy=0.5,
    difference=-0.25,
    ci95=[None, None],
    only_first_right=4,
    only_second_right=1,
    p_value=0.375,
    p_holm=0.375,
    better=None,
    n_cases=12,
)
COMPARISON = Comparison(n_common_cases=12, n_left_out={"unet": 3, "vnet": 0}, rows=[ROW], class_rows=[CLASS_ROW])


@pytest.fixture
def invoke(monkeypatch):
    """Invoke the command on a comparison."""

    def run(comparison, *arguments):
        monkeypatch.setattr(command.workflow, "run", lambda runs, **_: comparison)
        monkeypatch.setenv("COLUMNS", "160")
        app = typer.Typer()
        app.command()(command.compare)
        return CliRunner().invoke(app, ["a", "b", *arguments], catch_exceptions=False).stdout

    return run


def test_json_is_exactly_the_comparison(invoke):
    assert json.loads(invoke(COMPARISON, "--json")) == COMPARISON.to_json()


def test_the_tables_show_difference_interval_and_which_is_better(invoke):
    text = invoke(COMPARISON)
    assert "12 common cases (left out: 3 of unet)" in text
    assert "+0.040" in text
    assert "+0.010 to +0.060" in text
    assert "< 0.001" in text
    assert "vnet" in text
    assert "left_atrium" in text
    assert "diagnosis" in text
    assert "-0.250" in text
    assert "no interval" in text


def test_what_is_not_compared_has_no_table(invoke):
    classes = invoke(Comparison(12, {}, class_rows=[CLASS_ROW]))
    assert "Wilcoxon" not in classes
    assert "McNemar" in classes
    assert "McNemar" not in invoke(Comparison(12, {}, rows=[ROW]))
