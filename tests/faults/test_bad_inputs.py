"""Images that cannot be predicted."""

import csv
import json
import shutil
from pathlib import Path

GOOD, BAD = "heart_001", "heart_000"


def _truncate(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def test_a_missing_file_is_refused_before_anything_is_written(run, refuse):
    refuse("predict", "run", "no.nii.gz", "--output", "new", code=1, says=["image file not found (no.nii.gz)"])


def test_a_folder_without_images_is_refused(run, tmp_path, refuse):
    (tmp_path / "empty").mkdir()
    refuse("predict", "run", "empty", "--output", "new", code=1, says=["the folder holds no image (empty)", ".nii.gz"])


def test_two_inputs_of_one_name_are_refused(run, study, tmp_path, refuse):
    shutil.copytree(study, tmp_path / "second")
    files = [f"{folder}/imagesTr/{GOOD}.nii.gz" for folder in ("study", "second")]
    says = ["two inputs would write files of one name", *files]
    refuse("predict", "run", *files, "--output", "new", code=2, says=says)


def test_a_bad_file_among_good_ones_is_recorded_and_the_others_are_predicted(run, study, medweave):
    _truncate(study / f"imagesTr/{BAD}.nii.gz")
    result = medweave("predict", "run", "study/imagesTr", "--output", "new")
    assert result.code == 1
    (error,) = result.stderr.splitlines()
    assert error.startswith(f"error: image file is damaged (case {BAD}, study/imagesTr/{BAD}.nii.gz)")
    assert error.endswith("Fix: copy the file again.")
    rows = {row["case_id"]: row for row in csv.DictReader(Path("new/predictions.csv").read_text().splitlines())}
    assert rows[BAD]["status"] == "failed"
    assert rows[BAD]["reason"] == error.removeprefix("error: ")
    assert {row["status"] for case_id, row in rows.items() if case_id != BAD} == {"done"}
    assert {path.name for path in Path("new").glob("*.nii.gz")} == {
        f"{case_id}_heart.nii.gz" for case_id in rows if case_id != BAD
    }
    assert len(rows) == 6


def test_json_is_one_object_also_where_a_case_fails(run, study, medweave):
    _truncate(study / f"imagesTr/{BAD}.nii.gz")
    files = [f"study/imagesTr/{name}.nii.gz" for name in (BAD, GOOD)]
    result = medweave("predict", "run", *files, "--output", "new", "--json", "--no-overlay")
    assert result.code == 1
    found = {row["case_id"]: row["status"] for row in json.loads(result.stdout)["predictions"]}
    assert found == {BAD: "failed", GOOD: "done"}


def test_a_file_that_is_no_image_is_recorded(run, tmp_path, medweave):
    (tmp_path / "notes.txt").write_text("hello")
    result = medweave("predict", "run", "notes.txt", "--output", "new")
    assert result.code == 1
    (error,) = result.stderr.splitlines()
    assert "image file cannot be read (case notes, notes.txt)" in error
