import json
import shutil

import pytest

from medweave.core.errors import DataError, RunError
from medweave.runs.folder import RunFolder
from medweave.workflows import train


@pytest.fixture
def start(heart_study, tmp_path, tiny_overrides):
    """Train into `run` with the tiny recipe: `start(*overrides, data=…, resume=…)`."""

    def call(*overrides, data=heart_study, resume=False, **further):
        changes = [*tiny_overrides, *overrides]
        return train.run("heart_small", data=data, output=tmp_path / "run", overrides=changes, resume=resume, **further)

    return call


@pytest.fixture
def interrupted(tiny_run, tmp_path):
    """A copy of a run, marked as one that did not reach its end."""
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    run.manifest.write_text(json.dumps(json.loads(run.manifest.read_text()) | {"status": "running"}))
    return run


def test_what_was_preprocessed_once_is_taken_from_the_cache(start, tiny_run):
    log = start("optimizer.lr=0.001").run.log.read_text()
    assert "preprocessed 0 of 4 train cases; the others were in the cache" in log


def test_other_data_cannot_continue_a_run(interrupted, start, heart_study, tmp_path):
    study = shutil.copytree(heart_study, tmp_path / "study")
    shutil.copy(study / "imagesTr/heart_000.nii.gz", study / "imagesTr/heart_001.nii.gz")
    shutil.copy(study / "labelsTr/heart_000.nii.gz", study / "labelsTr/heart_001.nii.gz")
    weights = interrupted.weights.read_bytes()
    with pytest.raises(RunError, match=r"the data are not those that the run began with \(.*study\): got content hash"):
        start(data=study, resume=True)
    assert interrupted.weights.read_bytes() == weights


def test_a_refusal_leaves_an_empty_output_folder_empty(start, heart_study, tmp_path):
    study = shutil.copytree(heart_study, tmp_path / "study")
    (study / "imagesTr/heart_000.nii.gz").write_bytes(b"")
    (tmp_path / "run").mkdir()
    with pytest.raises(DataError, match=r"no content .*heart_000.* shows all that is wrong"):
        start(data=study)
    assert list((tmp_path / "run").iterdir()) == []
