from pathlib import Path

import typer
from typer.testing import CliRunner

from medweave.cli.phantom import phantom


def test_prints_the_folder_and_how_to_train_on_it(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(phantom)

    result = CliRunner().invoke(app, ["vessel", "--output", str(tmp_path / "data"), "--cases", "2"])

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        str(tmp_path / "data"),
        f"next: medweave train reference/vessel_multimodal --data {tmp_path / 'data'} --output runs/vessel",
    ]
    assert len(list((tmp_path / "data/vw_mri").iterdir())) <= 2
    assert (tmp_path / "data/labels.csv").read_text().count("\n") == 3
