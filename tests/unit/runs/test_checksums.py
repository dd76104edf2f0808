import hashlib
import json
from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.runs.checksums import check_checksums, write_checksums
from medweave.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "figures").mkdir()
    (tmp_path / "recipe.yaml").write_bytes(b"name: a\n")
    (tmp_path / "figures" / "curves.png").write_bytes(b"picture")
    write_checksums(RunFolder(tmp_path))
    return RunFolder(tmp_path)


def test_every_file_has_its_sha256(run: RunFolder) -> None:
    assert json.loads(run.checksums.read_text()) == {
        "figures/curves.png": hashlib.sha256(b"picture").hexdigest(),
        "recipe.yaml": hashlib.sha256(b"name: a\n").hexdigest(),
    }


def test_a_whole_run_passes_also_with_further_files_and_after_a_second_writing(run: RunFolder) -> None:
    write_checksums(run)
    (run.path / "notes.txt").write_text("mine")
    check_checksums(run)


def test_absent_and_damaged_files_are_named(run: RunFolder) -> None:
    run.recipe.unlink()
    (run.figures / "curves.png").write_bytes(b"an error page")
    with pytest.raises(DataError, match=r"not arrived whole: got absent: recipe\.yaml; damaged: figures/curves\.png"):
        check_checksums(run)


@pytest.mark.parametrize(("content", "message"), [("[]", "not a table of checksums"), ("{", "not a JSON file")])
def test_a_wrong_table_is_refused(run: RunFolder, content: str, message: str) -> None:
    run.checksums.write_text(content)
    with pytest.raises(DataError, match=message):
        check_checksums(run)
