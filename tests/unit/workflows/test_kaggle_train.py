import shutil
from pathlib import Path

import pytest

from medweave.building.layout import build_layout
from medweave.core.errors import DataError
from medweave.data.layouts.msd import MsdLayout
from medweave.recipes.section import Component
from medweave.runs.checksums import check_checksums
from medweave.runs.manifest import read_manifest
from medweave.workflows import kaggle_train
from medweave.workflows.kaggle_train import find_data


def _msd(folder: Path) -> Path:
    (folder / "imagesTr").mkdir(parents=True)
    (folder / "dataset.json").write_text("{}")
    return folder


def _find(root: Path, folder: str | None = None) -> Path:
    return find_data(MsdLayout(), data_set="owner/heart", data_folder=folder, input_root=root)


@pytest.mark.parametrize("mount", ["heart", "datasets/owner/heart"])
@pytest.mark.parametrize("inside", [".", "Task02_Heart", "archive/data/Task02_Heart"])
def test_the_data_are_found_where_kaggle_attaches_them(mount: str, inside: str, tmp_path: Path) -> None:
    data = _msd(tmp_path / mount / inside)
    _msd(tmp_path / "another" / "Task04_Hippocampus")
    assert _find(tmp_path) == data


def test_the_folder_nearest_to_the_root_is_taken(tmp_path: Path) -> None:
    data = _msd(tmp_path / "heart" / "z")
    _msd(tmp_path / "heart" / "a" / "older")
    assert _find(tmp_path) == data


def test_a_folder_can_be_named_where_several_fit(tmp_path: Path) -> None:
    _msd(tmp_path / "heart" / "training")
    testing = _msd(tmp_path / "heart" / "testing")
    with pytest.raises(DataError, match=r"several folders.*got testing, training.*--folder"):
        _find(tmp_path)
    assert _find(tmp_path, "testing") == testing


def test_any_layout_is_found(tmp_path: Path) -> None:
    patients = tmp_path / "heart" / "ACDC" / "training"
    (patients / "patient001").mkdir(parents=True)
    (patients / "patient001" / "Info.cfg").write_text("ED: 1\nES: 9\n")
    layout = build_layout(Component(name="acdc"))
    found = find_data(layout, data_set="owner/heart", data_folder=None, input_root=tmp_path)
    assert found == patients.parent  # the layout itself looks into training and testing


@pytest.mark.parametrize(
    ("folder", "message"),
    [(None, r"not attached here \(owner/heart\).*wanted .*datasets.owner.heart"), ("x", r"\(owner/heart/x\)")],
)
def test_an_absent_data_set_says_where_it_was_looked_for(folder: str | None, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        _find(tmp_path, folder)


def test_a_data_set_of_another_layout_shows_the_wanted_one(tmp_path: Path) -> None:
    (tmp_path / "heart" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"no folder of the data set has the recipe's layout[\s\S]*dataset\.json"):
        _find(tmp_path)


def test_trains_evaluates_and_seals_the_run(heart_study: Path, tiny_overrides: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(heart_study, tmp_path / "input" / "heart" / "Task02_Heart")

    result = kaggle_train.run(
        "heart_small",
        data_set="owner/heart",
        output=tmp_path / "run",
        input_root=tmp_path / "input",
        overrides=tiny_overrides,
    )

    assert read_manifest(result.run.manifest)["status"] == "finished"
    assert (result.run.evaluation("test") / "summary.json").is_file()
    check_checksums(result.run)
    result.run.weights.write_bytes(b"")
    with pytest.raises(DataError, match=r"damaged: model\.safetensors"):
        check_checksums(result.run)
