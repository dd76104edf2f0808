from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from medweave.cli.download import download


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(download)
    return app


def test_prints_where_the_data_are_and_what_to_do_next(app: typer.Typer, tmp_path: Path) -> None:
    folder = tmp_path / "Task02_Heart"
    folder.mkdir()
    (folder / "dataset.json").write_text("{}")

    result = CliRunner().invoke(app, ["msd-heart", "--output", str(tmp_path)])

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [f"{folder} (was there already)", f"next: medweave inspect {folder}"]


def test_needs_an_output_folder(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["msd-heart"])
    assert result.exit_code == 2
