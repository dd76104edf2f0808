import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from medweave.core.errors import DataError, RunError, UsageError
from medweave.core.files import read_json, write_json
from medweave.runs.checksums import write_checksums
from medweave.runs.folder import RunFolder
from medweave.workflows import kaggle_pull


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> RunFolder:
    """A finished run as it lies at Kaggle."""
    return RunFolder(Path(shutil.copytree(tiny_run, tmp_path / "at_kaggle")))


def _leave(kaggle: Any, run: RunFolder) -> None:
    """Make the run the output of the kernel ada/study."""
    write_checksums(run)
    files = [path for path in run.path.rglob("*") if path.is_file()]
    kaggle.output = {f"run/{path.relative_to(run.path).as_posix()}": path.read_bytes() for path in files}
    kaggle.output["recipe.yaml"] = b"name: a\n"


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_brings_the_run_byte_for_byte(fake_kaggle: Any, run: RunFolder, tmp_path: Path) -> None:
    _leave(fake_kaggle, run)
    output = tmp_path / "runs" / "heart"

    pulled = kaggle_pull.run("ada/study", output)

    assert _names(output) == _names(run.path) - {"sha256.json"}
    assert all((output / name).read_bytes() == (run.path / name).read_bytes() for name in _files(output))
    assert pulled.summary == read_json(run.training_summary)
    assert pulled.evaluation is None
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["heart"]


def _files(folder: Path) -> list[str]:
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert len(names) > 8
    return names


def test_the_test_part_is_told_before_the_validation_part(fake_kaggle: Any, run: RunFolder, tmp_path: Path) -> None:
    for part in ("val", "test"):
        write_json(run.evaluation(part) / "summary.json", {"split": part})
    _leave(fake_kaggle, run)
    assert kaggle_pull.run("ada/study", tmp_path / "pulled").evaluation == {"split": "test"}


@pytest.mark.parametrize(
    ("state", "failure", "message"),
    [
        ("RUNNING", None, r"no finished run \(ada/study\): got running; wanted complete\. Fix: wait for it"),
        ("ERROR", "out of memory", r"got error, out of memory; wanted complete"),
    ],
)
def test_a_kernel_that_has_not_finished_is_refused(
    state: str, failure: str | None, message: str, fake_kaggle: Any, tmp_path: Path
) -> None:
    fake_kaggle.state, fake_kaggle.failure = state, failure
    with pytest.raises(RunError, match=message):
        kaggle_pull.run("ada/study", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


def test_a_kernel_that_left_no_run_is_refused(fake_kaggle: Any, tmp_path: Path) -> None:
    fake_kaggle.output = {"results/metric.npy": b"0"}
    with pytest.raises(RunError, match=r"left no whole run.*no run/sha256\.json.*medweave kaggle push"):
        kaggle_pull.run("ada/study", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()
    assert not list(tmp_path.glob(".pulling-*"))


def test_a_file_that_came_as_an_error_page_is_noticed_and_nothing_is_left(
    fake_kaggle: Any, run: RunFolder, tmp_path: Path
) -> None:
    _leave(fake_kaggle, run)
    fake_kaggle.output["run/model.safetensors"] = b"<html>Service unavailable</html>"
    del fake_kaggle.output["run/split.json"]
    output = tmp_path / "pulled"
    output.mkdir()
    with pytest.raises(DataError, match=r"not arrived whole: got absent: split\.json; damaged: model\.safetensors"):
        kaggle_pull.run("ada/study", output)
    assert list(output.iterdir()) == []
    assert not list(tmp_path.glob(".pulling-*"))


@pytest.mark.parametrize("name", ["recipe.yaml", "manifest.json", "model.safetensors", "training_summary.json"])
def test_a_run_without_a_part_of_it_is_refused(name: str, fake_kaggle: Any, run: RunFolder, tmp_path: Path) -> None:
    (run.path / name).unlink()
    _leave(fake_kaggle, run)
    with pytest.raises(DataError, match=rf"run is not whole \(ada/study\): got no {name}"):
        kaggle_pull.run("ada/study", tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()


def test_an_interrupted_training_is_refused(fake_kaggle: Any, run: RunFolder, tmp_path: Path) -> None:
    manifest = json.loads(run.manifest.read_text())
    run.manifest.write_text(json.dumps(manifest | {"status": "interrupted"}))
    _leave(fake_kaggle, run)
    with pytest.raises(DataError, match=r"not finished \(ada/study\): got status interrupted"):
        kaggle_pull.run("ada/study", tmp_path / "pulled")


def test_a_taken_folder_is_kept(fake_kaggle: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        kaggle_pull.run("ada/study", tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_name_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not the name of a kernel"):
        kaggle_pull.run("study", tmp_path / "pulled")
