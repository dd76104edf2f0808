import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import typer
from typer.testing import CliRunner

from medweave.cli.inspect import inspect

app = typer.Typer()
app.command()(inspect)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for name, seed in (("a", 0), ("b", 1)):
        array = np.random.default_rng(seed).normal(100, 20, (10, 11, 12)).astype(np.float32)
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "data" / "imagesTr" / f"{name}.nii.gz"))
        label_map = sitk.GetImageFromArray((array > 130).astype(np.uint8))
        sitk.WriteImage(label_map, str(tmp_path / "data" / "labelsTr" / f"{name}.nii.gz"))
    entries = [{"image": f"imagesTr/{n}.nii.gz", "label": f"labelsTr/{n}.nii.gz"} for n in "ab"]
    description = {"name": "Tiny", "labels": {"0": "background", "1": "heart"}, "training": entries}
    (tmp_path / "data" / "dataset.json").write_text(json.dumps(description))
    return tmp_path / "data"


def test_tables_are_printed_and_clean_data_exit_0(data: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(data), "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "2 cases of 2 subjects" in result.stdout
    assert "0 errors, 0 warnings" in result.stdout
    assert "heart" in result.stdout
    assert (tmp_path / "out" / "report.html").is_file()


def test_layout_and_recipe_may_be_named(data: Path) -> None:
    result = CliRunner().invoke(app, [str(data), "--recipe", "heart_small", "--layout", "msd"])
    assert result.exit_code == 0, result.output
    assert "label maps: image in 2" in result.stdout


def test_json_is_one_object_and_nothing_else(data: Path) -> None:
    result = CliRunner().invoke(app, [str(data), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["n_cases"] == 2


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_an_error_of_the_audit_exits_1(data: Path, arguments: list[str]) -> None:
    (data / "imagesTr" / "a.nii.gz").write_bytes(b"")
    result = CliRunner().invoke(app, [str(data), *arguments])
    assert result.exit_code == 1
    assert "no content" in result.stdout


def test_a_warning_exits_0(data: Path) -> None:
    image = sitk.ReadImage(str(data / "imagesTr" / "a.nii.gz"))
    sitk.WriteImage(image * 0 + 0, str(data / "labelsTr" / "a.nii.gz"))
    result = CliRunner().invoke(app, [str(data)])
    assert result.exit_code == 0
    assert "0 errors, 1 warning" in result.stdout


def test_many_findings_are_cut_on_the_terminal_only(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medweave.cli.inspect.MAX_FINDINGS", 1)
    for name in "ab":
        (data / "imagesTr" / f"{name}.nii.gz").write_bytes(b"")
    result = CliRunner().invoke(app, [str(data)])
    assert "and 1 more" in result.stdout


def test_classes_stand_in_a_table_with_their_share(data: Path) -> None:
    rows = [f"{name},imagesTr/{name}.nii.gz,{grade}" for name, grade in (("a", "low"), ("b", ""))]
    (data / "cases.csv").write_text("\n".join(["case_id,image.mri,target.grade", *rows]))
    result = CliRunner().invoke(app, [str(data / "cases.csv")])
    assert result.exit_code == 0, result.output
    assert re.search(r"grade +low +1 +50%", result.stdout)
