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


def test_a_data_set_of_kaggles_is_asked_for_by_owner_and_name(app: typer.Typer, tmp_path: Path) -> None:
    (tmp_path / "heart" / "imagesTr").mkdir(parents=True)
    (tmp_path / "heart" / "dataset.json").write_text("{}")

    result = CliRunner().invoke(app, ["kaggle:owner/heart", "--output", str(tmp_path)])

    assert result.stdout.splitlines()[0] == f"{tmp_path / 'heart'} (was there already)"
