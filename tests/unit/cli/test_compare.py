import io
import json

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from medweave.cli import compare as command
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
COMPARISON = Comparison(n_common_cases=12, n_left_out={"unet": 3, "vnet": 0}, rows=[ROW])


@pytest.fixture(autouse=True)
def workflow(monkeypatch):
    monkeypatch.setattr(command.workflow, "run", lambda runs, **_: COMPARISON)


def test_json_is_exactly_the_comparison():
    app = typer.Typer()
    app.command()(command.compare)
    result = CliRunner().invoke(app, ["a", "b", "--json"], catch_exceptions=False)
    assert json.loads(result.stdout) == COMPARISON.to_json()


def test_the_table_shows_difference_interval_and_which_is_better():
    console = Console(file=io.StringIO(), width=160)
    console.print(command.comparison_table(COMPARISON))
    text = console.file.getvalue()
    assert "12 common cases (left out: 3 of unet)" in text
    assert "+0.040" in text
    assert "+0.010 to +0.060" in text
    assert "< 0.001" in text
    assert "vnet" in text
