from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import app as command
from medweave.serving.app.settings import AppSettings


@pytest.fixture
def app(monkeypatch):
    """Invoke the command on a server that only says where it is."""
    calls = []

    def invoke(*arguments):
        def serve(settings, *, on_start, **options):
            calls.append((settings, options))
            on_start("http://127.0.0.1:8501")

        monkeypatch.setattr(
            command, "import_optional", lambda name: SimpleNamespace(serve=serve, AppSettings=AppSettings)
        )
        typed = typer.Typer()
        typed.command()(command.app)
        return CliRunner().invoke(typed, list(arguments)), calls[-1]

    return invoke


def test_by_default_only_this_machine_is_served(app):
    result, (settings, options) = app("bundles/cxr", "bundles/heart")
    assert settings == AppSettings((Path("bundles/cxr"), Path("bundles/heart")))
    assert options == {"host": "127.0.0.1", "port": 8501}
    assert "open http://127.0.0.1:8501 in a browser" in result.stderr
    assert "not a medical device" in result.stderr
    assert result.stdout == ""


def test_runs_and_data_reach_the_app(app):
    _, (settings, options) = app("cxr", "--host", "::1", "--port", "81", "--run", "a", "--run", "b", "--data", "c")
    assert settings == AppSettings((Path("cxr"),), runs=(Path("a"), Path("b")), data=(Path("c"),))
    assert options == {"host": "::1", "port": 81}


def test_another_host_is_refused(medweave, tmp_path):
    result = medweave("app", tmp_path, "--host", "0.0.0.0")  # noqa: S104
    assert (result.code, result.stdout) == (2, "")
    assert "asks nobody for a password" in result.stderr
