"""What the fault tests share: a study and a run to damage, and the check that a refusal is clean."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

Refuse = Callable[..., str]


@pytest.fixture(autouse=True)
def _in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def study(tmp_path: Path, heart_study: Path) -> Path:
    """A study to damage: `study` in the current folder."""
    return shutil.copytree(heart_study, tmp_path / "study")


@pytest.fixture
def run(tmp_path: Path, tiny_run: Path) -> Path:
    """A run to damage: `run` in the current folder."""
    return shutil.copytree(tiny_run, tmp_path / "run")


def _content(folder: Path) -> dict[str, bytes | None]:
    """Return every file with its bytes, and the entries of the folder itself."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {**dict.fromkeys((path.name for path in folder.iterdir()), None), **files}


@pytest.fixture
def refuse(tmp_path: Path, medweave: Callable[..., object]) -> Refuse:
    """Run a command that must fail: one error line that says all of `says`, no traceback, and no file changed."""

    def run_and_check(*arguments: object, code: int, says: list[str], fix: bool = True) -> str:
        before = _content(tmp_path)
        result = medweave(*arguments)
        assert (result.code, result.stdout) == (code, ""), result
        lines = result.stderr.splitlines()
        error = next(line for line in lines if line.startswith("error:"))
        assert sum(line.lower().startswith("error") for line in lines) == 1, lines
        assert [text for text in says if text not in result.stderr] == [], result.stderr
        assert ("Fix: " in error) == fix, error
        assert not {"Traceback", "defect"} & set(result.stderr.replace(".", " ").split()), result.stderr
        after = _content(tmp_path)
        assert {name for name in {*before, *after} if before.get(name, 0) != after.get(name, 0)} == set()
        return error

    return run_and_check


@pytest.fixture
def change() -> Callable[[Path, Callable[[NDArray[np.generic]], NDArray[np.generic]]], None]:
    """Change the voxels of a file, keeping its header as far as it fits."""

    def rewrite(path: Path, edit: Callable[[NDArray[np.generic]], NDArray[np.generic]]) -> None:
        image = sitk.ReadImage(path)
        edited = sitk.GetImageFromArray(edit(sitk.GetArrayFromImage(image)))
        if edited.GetSize() == image.GetSize():
            edited.CopyInformation(image)
        sitk.WriteImage(edited, path)

    return rewrite
