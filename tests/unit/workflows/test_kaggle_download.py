import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from medweave.core.errors import RunError, UsageError
from medweave.workflows import kaggle_download
from medweave.workflows.download import DownloadResult


def _archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


def test_downloads_once_and_gives_the_innermost_only_folder(fake_kaggle: Any, tmp_path: Path) -> None:
    files = {"data__Task02__dataset.json": b"{}", "data__Task02__imagesTr__a.nii": b"x", "data__Task02__._a.nii": b""}
    fake_kaggle.archives["owner/heart"] = _archive(**files)

    results = [kaggle_download.run("owner/heart", tmp_path / "out") for _ in range(2)]

    folder = tmp_path / "out" / "heart" / "data" / "Task02"
    assert results == [DownloadResult(folder, was_there=False), DownloadResult(folder, was_there=True)]
    assert sorted(path.name for path in folder.rglob("*")) == ["a.nii", "dataset.json", "imagesTr"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["heart"]
    assert fake_kaggle.calls == ["DownloadDataset"]


def test_an_unknown_data_set_leaves_nothing_to_mistake_for_it(fake_kaggle: Any, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"owner/other.*got Not found"):
        kaggle_download.run("owner/other", tmp_path)
    assert not (tmp_path / "other").exists()


def test_a_name_of_another_form_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"not the name of a data set.*got '\.\./heart'"):
        kaggle_download.run("../heart", tmp_path)


def test_a_folder_that_cannot_be_made_is_reported(fake_kaggle: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write the data set.*a file in the place of a folder"):
        kaggle_download.run("owner/heart", tmp_path / "file")
