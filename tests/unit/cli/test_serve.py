from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli import serve as command
from medweave.serving.limits import Limits


@pytest.fixture
def serve(monkeypatch):
    """Invoke the command on a server that only says where it is."""
    calls = []

    def invoke(*arguments):
        def run(models, *, on_start, **options):
            calls.append((models, options))
            on_start("http://127.0.0.1:8000")

        monkeypatch.setattr(command, "import_optional", lambda name: SimpleNamespace(serve=run))
        app = typer.Typer()
        app.command()(command.serve)
        return CliRunner().invoke(app, list(arguments)), calls[-1]

    return invoke


def test_by_default_only_this_machine_is_served(serve):
    result, (models, options) = serve("bundles/cxr", "bundles/heart")
    assert models == [Path("bundles/cxr"), Path("bundles/heart")]
    assert options == {"host": "127.0.0.1", "port": 8000, "limits": Limits()}
    assert "2 models at http://127.0.0.1:8000/models" in result.stderr
    assert "not a medical device" in result.stderr
    assert result.stdout == ""


def test_every_limit_reaches_the_server(serve):
    _, (_, options) = serve(
        "cxr", "--host", "10.0.0.1", "--port", "81", "--upload-mb", "1", "--decompressed-mb", "2", "--pixels", "3",
        "--voxels", "4", "--job-seconds", "5.5", "--queue-length", "6", "--keep-seconds", "7",
    )  # fmt: skip
    limits = Limits(upload_mb=1, decompressed_mb=2, pixels=3, voxels=4, job_s=5.5, queue_length=6, keep_s=7)
    assert options == {"host": "10.0.0.1", "port": 81, "limits": limits}
