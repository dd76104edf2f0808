import json
import shutil

import pytest
import yaml

from medweave.core.errors import DataError, RunError
from medweave.runs.folder import RunFolder
from medweave.workflows import train


@pytest.fixture
def start(heart_study, tmp_path, tiny_overrides):
    """Train into `run` with the tiny recipe: `start(*overrides, data=…, resume=…)`."""

    def call(*overrides, data=heart_study, resume=False, **further):
        changes = [*tiny_overrides, *overrides]
        return train.run("demo", data=data, output=tmp_path / "run", overrides=changes, resume=resume, **further)

    return call


@pytest.fixture
def interrupted(tiny_run, tmp_path):
    """A copy of a run, marked as one that did not reach its end."""
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    run.manifest.write_text(json.dumps(json.loads(run.manifest.read_text()) | {"status": "running"}))
    return run


def test_progress_counts_every_case_of_every_stage(start):
    calls = []
    start(on_progress=lambda *progress: calls.append(progress))
    stages = dict.fromkeys(stage for stage, _, _ in calls)
    assert list(stages) == ["reading", "preprocessing train", "preprocessing val"]
    assert [(done, total) for stage, done, total in calls if stage == "reading"] == [(n, 6) for n in range(1, 7)]
    assert [call for call in calls if call[0] == "preprocessing val"] == [("preprocessing val", 1, 1)]


def test_the_written_recipe_is_settled_and_the_request_is_kept(start):
    run = start("preprocessing.mri.spacing_mm=auto").run
    recipe, manifest = yaml.safe_load(run.recipe.read_text()), json.loads(run.manifest.read_text())
    assert manifest["requested_recipe"]["preprocessing"]["mri"]["spacing_mm"] == "auto"
    fingerprint = json.loads(run.fingerprint.read_text())
    assert len(recipe["preprocessing"]["mri"]["spacing_mm"]) == 3
    assert fingerprint["n_cases"] == len(json.loads(run.split.read_text())["train"])


def test_what_was_preprocessed_once_is_taken_from_the_cache(start, tiny_run):
    log = start("optimizer.lr=0.001").run.log.read_text()
    assert "preprocessed 0 of 4 train cases; the others were in the cache" in log


def test_images_without_truth_are_in_no_part_of_the_split(start, heart_study, tmp_path):
    study = shutil.copytree(heart_study, tmp_path / "study")
    description = json.loads((study / "dataset.json").read_text())
    unlabelled = description["training"].pop()["image"]
    (study / "dataset.json").write_text(json.dumps(description | {"test": [unlabelled]}))
    split = json.loads(start(data=study).run.split.read_text())
    assert sum(map(len, split.values())) == 5
    assert "heart_005" not in {*split["train"], *split["val"], *split["test"]}


def test_other_data_cannot_continue_a_run(interrupted, start, heart_study, tmp_path):
    study = shutil.copytree(heart_study, tmp_path / "study")
    shutil.copy(study / "imagesTr/heart_000.nii.gz", study / "imagesTr/heart_001.nii.gz")
    shutil.copy(study / "labelsTr/heart_000.nii.gz", study / "labelsTr/heart_001.nii.gz")
    weights = interrupted.weights.read_bytes()
    with pytest.raises(RunError, match=r"the data are not those that the run began with \(.*study\): got content hash"):
        start(data=study, resume=True)
    assert interrupted.weights.read_bytes() == weights


def test_a_run_without_a_checkpoint_cannot_be_continued(interrupted, start):
    interrupted.last_checkpoint.unlink()
    with pytest.raises(RunError, match=r"no checkpoint to continue from \(.*last\.ckpt\)\. Fix: remove the folder"):
        start(resume=True)


def test_a_refusal_leaves_an_empty_output_folder_empty(start, heart_study, tmp_path):
    study = shutil.copytree(heart_study, tmp_path / "study")
    (study / "imagesTr/heart_000.nii.gz").write_bytes(b"")
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"no content .*heart_000.* shows all that is wrong"):
        start(data=study)
    assert list((tmp_path / "run").iterdir()) == []
