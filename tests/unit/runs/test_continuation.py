import json
from pathlib import Path

import pytest

from medweave.core.errors import RunError
from medweave.runs.continuation import (
    is_finished,
    refuse_finished,
    refuse_other_data,
    refuse_other_folds,
    refuse_other_recipe,
    refuse_without_checkpoint,
)
from medweave.runs.ensemble import Ensemble
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
    refuse_other_folds(run, None)
    refuse_other_recipe(run, recipe=RECIPE, recipe_hash="0")
    refuse_without_checkpoint(run)
    refuse_finished(run)
    refuse_other_data(run, "0123456789abcdef", where=Path("data"))


def test_a_key_that_the_run_began_without_is_named(run):
    with pytest.raises(RunError, match=r"got training\.new was not there, is None\. Fix: give the same"):
        refuse_other_recipe(run, recipe={**RECIPE, "training": {"new": None}}, recipe_hash="1")


def test_another_recipe_is_refused_with_what_changed(run):
    other = {"name": "a", "optimizer": {"name": "sgd", "lr": 0.1, "momentum": 0.5}, "plugins": []}
    changes = r"got optimizer\.name was adamw, is sgd; optimizer\.momentum was not there, is 0\.5\. Fix: give the same"
    with pytest.raises(RunError, match=changes):
        refuse_other_recipe(run, recipe=other, recipe_hash="1")


def test_a_run_without_a_checkpoint_is_refused(run):
    run.last_checkpoint.unlink()
    with pytest.raises(RunError, match=r"no checkpoint to continue from \(.*last\.ckpt\)\. Fix: remove the folder"):
        refuse_without_checkpoint(run)


def test_a_finished_run_is_refused(run):
    assert not is_finished(run)
    _write(run, status="finished")
    assert is_finished(run)
    with pytest.raises(RunError, match=r"nothing to continue .* Fix: judge it with `medweave evaluate"):
        refuse_finished(run)


def test_a_folder_that_holds_nothing_is_not_finished(tmp_path):
    assert not is_finished(RunFolder(tmp_path))


def test_an_ensemble_is_continued_with_as_many_folds_as_it_began_with(run):
    Ensemble({"fold_1": ("a",), "fold_2": ("b",)}).save(run.ensemble)
    refuse_other_folds(run, 2)
    with pytest.raises(RunError, match=r"began with other folds .*: got --folds 5; wanted --folds 2\. Fix: continue"):
        refuse_other_folds(run, 5)
    with pytest.raises(RunError, match=r"got no --folds; wanted --folds 2"):
        refuse_other_folds(run, None)


def test_a_single_run_has_no_folds_to_continue(run):
    with pytest.raises(RunError, match=r"got --folds 5; wanted no --folds"):
        refuse_other_folds(run, 5)


def test_a_fold_is_not_continued_without_its_ensemble(run):
    Ensemble({"fold_1": ("a",), "fold_2": ("b",)}).save(run.ensemble)
    with pytest.raises(RunError, match=r"is a fold of an ensemble \(.*fold_1\)\. Fix: continue the ensemble, .* --f"):
        refuse_other_folds(run.member("fold_1"), None)


def test_other_data_are_refused(run):
    with pytest.raises(RunError, match=r"\(data\): got content hash fedcba987654; wanted 0123456789ab"):
        refuse_other_data(run, "fedcba9876543210", where=Path("data"))
