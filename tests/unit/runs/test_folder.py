from pathlib import Path

import pytest

from medweave.core.errors import RunError
from medweave.runs.folder import RunFolder


def test_paths_are_those_of_the_contract() -> None:
    folder = RunFolder(Path("run"))
    paths = {path.relative_to("run").as_posix() for path in vars(folder).values()}
    assert paths >= {
        "recipe.yaml",
        "manifest.json",
        "index.json",
        "audit.json",
        "split.json",
        "fingerprint.json",
        "log.txt",
        "metrics.csv",
        "tensorboard",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "model.safetensors",
        "training_summary.json",
        "training_summary.md",
        "figures",
    }
    assert len(paths) == len(vars(folder))
    assert folder.evaluation("test") == Path("run/evaluation/test")


def test_folder_need_not_exist(tmp_path: Path) -> None:
    assert RunFolder(tmp_path / "run").path == tmp_path / "run"
    assert list(tmp_path.iterdir()) == []


def test_folder_with_a_recipe_is_a_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("name: x")
    assert RunFolder.open(tmp_path).recipe == tmp_path / "recipe.yaml"


def test_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run folder not found \(.*gone\)\. Fix: give the folder that `medweave train"):
        RunFolder.open(tmp_path / "gone")


def test_folder_without_a_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no run here \(.*\): got no recipe\.yaml\. Fix: give the folder"):
        RunFolder.open(tmp_path)
