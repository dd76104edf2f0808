import json

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import doctor as command
from medweave.workflows.doctor import Diagnosis


@pytest.fixture
def doctor(monkeypatch):
    """Invoke the command on a diagnosis with the given problems."""

    def invoke(*arguments, problems=()):
        diagnosis = Diagnosis({"cores": 2, "gpu": None}, problems)
        monkeypatch.setattr(command.workflow, "run", lambda bundle: diagnosis)
        app = typer.Typer()
        app.command()(command.doctor)
        return CliRunner().invoke(app, list(arguments), catch_exceptions=False)

    return invoke


def test_facts_are_a_line_each(doctor):
    result = doctor()
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [["cores", "2"], ["gpu", "none"]]


def test_a_problem_is_a_line_and_exit_code_1(doctor):
    result = doctor(problems=("no memory. Fix: buy some.",))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "problem: no memory. Fix: buy some."


def test_json_is_one_object(doctor):
    result = doctor("--json", problems=("no memory.",))
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"facts": {"cores": 2, "gpu": None}, "problems": ["no memory."]}
