from pathlib import Path

import pytest

from medweave.core.errors import DataError, RunError
from medweave.core.files import (
    atomic_path,
    claim_output_folder,
    completed_folder,
    file_sha256,
    new_output_folder,
    read_json,
    write_json,
    write_text,
)


def _crash_while_writing(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def test_writing_creates_the_folder_and_leaves_only_the_file(tmp_path: Path) -> None:
    write_text(tmp_path / "new" / "a.txt", "grün")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text(encoding="utf-8") == "grün"


def test_crash_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt):
        _crash_while_writing(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_temporary_file_keeps_the_suffixes_that_choose_a_format(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "case.1.nii.gz") as temporary:
        assert temporary.name.endswith(".nii.gz")
        assert temporary.parent == tmp_path


def test_written_file_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "")
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o644


def test_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot write .*file/a\.txt.*Fix: free space"):
        write_text(tmp_path / "file" / "a.txt", "")


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    content = {"a": [1, 2.5, None, True], "b": {"c": "ü"}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"dice": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_absent_json_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"file not found .*a\.json"):
        read_json(tmp_path / "a.json")


def test_folder_in_place_of_a_json_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be opened .*Is a directory"):
        read_json(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe\x00"])
def test_broken_json_file_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"not a JSON file .*a\.json"):
        read_json(tmp_path / "a.json")


def test_output_folder_is_made(tmp_path: Path) -> None:
    claim_output_folder(tmp_path / "a" / "b")
    claim_output_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_filled_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").touch()
    with pytest.raises(RunError, match=r"not empty .*choose a new folder"):
        claim_output_folder(tmp_path)
    assert (tmp_path / "kept.txt").is_file()


def _crash_while_completing(path):
    with completed_folder(path) as folder:
        (folder / "part").write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("was_there", [False, True])
def test_a_new_folder_is_as_it_was_after_a_failure_and_keeps_what_a_success_wrote(
    tmp_path: Path, was_there: bool
) -> None:
    folder = tmp_path / "run"
    if was_there:
        folder.mkdir()

    def fail() -> None:
        with new_output_folder(folder):
            (folder / "half.txt").touch()
            raise RunError("no")

    with pytest.raises(RunError, match=r"^no$"):
        fail()
    assert (folder.is_dir(), list(tmp_path.rglob("half.txt"))) == (was_there, [])
    with new_output_folder(folder):
        (folder / "whole.txt").touch()
    assert (folder / "whole.txt").is_file()


def test_file_in_place_of_the_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot use the output folder .*a file in the place of a folder"):
        claim_output_folder(tmp_path / "file")


def test_a_folder_is_there_only_when_it_is_complete(tmp_path):
    with completed_folder(tmp_path / "bundle") as folder:
        (folder / "part").write_text("whole")
        assert not list((tmp_path / "bundle").iterdir())
    assert (tmp_path / "bundle" / "part").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def _crash_while_completing(path):
    with completed_folder(path) as folder:
        (folder / "part").write_text("half")
        raise KeyboardInterrupt


@pytest.mark.parametrize("was_there", [True, False])
def test_a_failure_leaves_the_place_of_a_folder_as_it_was(was_there, tmp_path):
    if was_there:
        (tmp_path / "bundle").mkdir()
    with pytest.raises(KeyboardInterrupt):
        _crash_while_completing(tmp_path / "bundle")
    assert [path.name for path in tmp_path.iterdir()] == (["bundle"] if was_there else [])
    assert not was_there or not list((tmp_path / "bundle").iterdir())


def test_a_file_has_the_hash_of_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert file_sha256(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


def _write_on_a_full_disk(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")


def test_an_error_of_the_disk_while_writing_is_told_with_the_file_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write \(.*a\.txt\): got No space left on device"):
        _write_on_a_full_disk(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
