import csv
import json
from pathlib import Path

import pytest

from medweave.core.errors import RunError
from medweave.core.files import write_json
from medweave.data.case import Case
from medweave.inference.prediction_folder import PredictionFolder

MANIFEST = {"model": {"path": "run", "sha256": "abc"}}
MADE_BY = {"model_sha256": "abc", "options": {"overlay": True}}
CASES = [Case(name, name, {"image": Path(f"{name}.nii")}) for name in ("a", "b ü")]


def _record(case, **parts):
    images = {name: str(path) for name, path in case.images.items()}
    return {"case_id": case.case_id, "images": images, "status": "done", "made_by": MADE_BY, "files": []} | parts


@pytest.fixture
def folder(tmp_path):
    return PredictionFolder(tmp_path / "new")


def test_a_folder_of_predictions_is_never_overwritten_silently(folder):
    folder.claim(MANIFEST, resume=False)
    with pytest.raises(RunError, match=r"holds predictions .*new\)\. Fix: .*--resume"):
        folder.claim(MANIFEST, resume=False)
    folder.claim(MANIFEST, resume=True)


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_of_something_else_is_refused(folder, resume):
    folder.path.mkdir()
    (folder.path / "thesis.txt").touch()
    with pytest.raises(RunError, match="the output folder is not empty"):
        folder.claim(MANIFEST, resume=resume)


def test_predictions_of_another_model_are_not_continued(folder):
    folder.claim(MANIFEST, resume=False)
    with pytest.raises(RunError, match="predictions of another model"):
        folder.claim({"model": {"path": "run", "sha256": "def"}}, resume=True)


def test_a_case_is_done_when_its_record_and_all_its_files_are_there(folder):
    case = CASES[0]
    folder.claim(MANIFEST, resume=False)
    assert not folder.is_done(case, made_by=MADE_BY)
    write_json(folder.record(case), _record(case, files=["a_heart.nii.gz"]))
    assert not folder.is_done(case, made_by=MADE_BY)
    (folder.path / "a_heart.nii.gz").touch()
    assert folder.is_done(case, made_by=MADE_BY)
    assert not folder.is_done(case, made_by=MADE_BY | {"options": {"overlay": False}})
    assert not folder.is_done(Case("a", "a", {"image": Path("other/a.nii")}), made_by=MADE_BY)


@pytest.mark.parametrize("content", ["{", "[]", '{"status": "failed"}'])
def test_a_failed_or_damaged_record_is_not_done(folder, content):
    folder.claim(MANIFEST, resume=False)
    folder.record(CASES[0]).write_text(content)
    assert not folder.is_done(CASES[0], made_by=MADE_BY)


def test_the_tables_hold_the_records(folder):
    folder.claim(MANIFEST, resume=False)
    records = [_record(CASES[0]), _record(CASES[1], status="failed", reason="cut")]
    for case, record in zip(CASES, records, strict=True):
        write_json(folder.record(case), record)
    folder.write_tables(CASES, MANIFEST)
    assert json.loads(folder.summary.read_text()) == MANIFEST | {"predictions": records}
    rows = list(csv.DictReader(folder.table.read_text(encoding="utf-8").splitlines()))
    assert [(row["case_id"], row["status"]) for row in rows] == [("a", "done"), ("b ü", "failed")]
