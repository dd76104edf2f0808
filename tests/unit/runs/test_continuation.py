import json
from pathlib import Path

import pytest

from medweave.core.errors import RunError
from medweave.runs.continuation import refuse_other_data, refuse_other_recipe
from medweave.runs.folder import RunFolder

RECIPE = {"name": "a", "optimizer": {"name": "adamw", "lr": 0.1}, "plugins": []}


@pytest.fixture
def run(tmp_path):
    """A run that was interrupted after its first epoch."""
    folder = RunFolder(tmp_path)
    folder.checkpoints.mkdir()
    folder.last_checkpoint.touch()
    _write(folder)
    return folder


def _write(folder, **changes):
    manifest = {"recipe_hash": "0", "requested_recipe": RECIPE, "data_hash": "0123456789abcdef", "status": "running"}
    folder.manifest.write_text(json.dumps(manifest | changes))


def test_a_run_is_continued_with_its_own_recipe_and_data(run):
    refuse_other_recipe(run, recipe=RECIPE, recipe_hash="0")
    refuse_other_data(run, "0123456789abcdef", where=Path("data"))


def test_another_recipe_is_refused_with_what_changed(run):
    other = {"name": "a", "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5}, "plugins": []}
    changes = r"got optimizer\.name was adamw, is sgd; optimizer\.momentum was None, is 0\.5\. Fix: give the same"
    with pytest.raises(RunError, match=changes):
        refuse_other_recipe(run, recipe=other, recipe_hash="1")


def test_a_run_without_a_checkpoint_is_refused(run):
    run.last_checkpoint.unlink()
    with pytest.raises(RunError, match=r"no checkpoint to continue from \(.*last\.ckpt\)\. Fix: remove the folder"):
        refuse_other_recipe(run, recipe=RECIPE, recipe_hash="0")


def test_a_finished_run_is_refused(run):
    _write(run, status="finished")
    with pytest.raises(RunError, match=r"nothing to continue .* Fix: judge it with `medweave evaluate"):
        refuse_other_recipe(run, recipe=RECIPE, recipe_hash="0")


def test_other_data_are_refused(run):
    with pytest.raises(RunError, match=r"\(data\): got content hash fedcba987654; wanted 0123456789ab"):
        refuse_other_data(run, "fedcba9876543210", where=Path("data"))
