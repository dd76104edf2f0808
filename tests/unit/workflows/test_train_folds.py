import json
import shutil

import pytest

from medweave.core.errors import RunError, UsageError
from medweave.data.split import Split
from medweave.runs.continuation import is_finished
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder
from medweave.workflows import train, train_folds


def _changed(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def broken(mixed_ensemble, tmp_path):
    """A copy of an ensemble of two folds, marked as one that did not reach its end."""
    folder = RunFolder(shutil.copytree(mixed_ensemble, tmp_path / "ensemble"))
    folder.training_summary.unlink()
    _changed(folder.manifest, status="running")
    return folder


@pytest.fixture
def resume(mixed_recipe, mixed_study):
    """Continue an ensemble; return the result and the lines that were told: `resume(folder, *overrides, n_folds=…)`."""

    def call(folder, *overrides, n_folds=2):
        lines = []
        result = train_folds.run(
            mixed_recipe,
            data=mixed_study,
            output=folder.path,
            n_folds=n_folds,
            overrides=["training.max_epochs=1", *overrides],
            resume=True,
            on_stage=lines.append,
        )
        return result, lines

    return call


def test_every_fold_is_a_finished_run_of_its_own(mixed_ensemble):
    folder = RunFolder.open(mixed_ensemble)
    left_out = Ensemble.load(folder.ensemble).folds
    assert list(left_out) == ["fold_1", "fold_2"]
    for name, case_ids in left_out.items():
        fold = RunFolder.open(folder.member(name).path)
        assert Split.load(fold.split).val == case_ids
        assert is_finished(fold)
        assert fold.weights.is_file()
        assert fold.calibration.is_file()
    assert is_finished(folder)
    summary = json.loads(folder.training_summary.read_text())
    scores = [json.loads(folder.member(name).training_summary.read_text())["at_best_epoch"] for name in left_out]
    assert [found["score"] for found in summary["folds"].values()] == [values["val/score"] for values in scores]
    assert folder.training_summary_markdown.read_text().startswith("# mixed\n")


def test_finished_folds_are_skipped_and_one_without_a_checkpoint_is_trained_as_it_would_have_been(broken, resume):
    fold = broken.member("fold_2")
    weights = fold.weights.read_bytes()
    unbroken = broken.member("fold_1").weights.stat().st_mtime_ns
    fold.last_checkpoint.unlink()
    _changed(fold.manifest, status="running")
    (fold.path / "left_over").touch()
    result, lines = resume(broken)
    assert lines[0].startswith("fold 1 of 2: already finished, val/score 0.")
    assert lines[1] == "fold 2 of 2 begins: 8 training and 8 validation cases"
    assert lines[2].startswith("fold 2 of 2: val/score 0.")
    assert broken.member("fold_1").weights.stat().st_mtime_ns == unbroken
    assert fold.weights.read_bytes() == weights
    assert not (fold.path / "left_over").exists()
    assert list(result.summary["folds"]) == ["fold_1", "fold_2"]
    assert is_finished(broken)


def test_a_broken_fold_is_continued_from_its_checkpoint(broken, resume):
    fold = broken.member("fold_2")
    _changed(fold.manifest, status="running")
    fold.training_summary.unlink()
    weights = fold.weights.read_bytes()
    _, lines = resume(broken)
    assert lines[1] == "fold 2 of 2 continues: 8 training and 8 validation cases"
    assert fold.weights.read_bytes() == weights
    assert is_finished(fold)


def test_a_collapsed_fold_raises_an_alarm(broken, resume, caplog):
    for name, score in (("fold_1", 0.9), ("fold_2", 0.1)):
        path = broken.member(name).training_summary
        at_best = json.loads(path.read_text())["at_best_epoch"]
        _changed(path, at_best_epoch={**at_best, "val/score": score, "val/dice_lesion_lesion": score})
    result, _ = resume(broken)
    reason = "val/score 0.100, far below the median of the other folds, 0.900"
    assert result.summary["alarms"] == {"fold_2": [reason]}
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"fold_2 collapsed: {reason}"
    ]
    assert f"fold_2 collapsed: {reason}" in broken.log.read_text()
    assert f"**Alarm: fold_2 collapsed: {reason}.**" in broken.training_summary_markdown.read_text()


def test_another_recipe_or_number_of_folds_cannot_continue_an_ensemble(broken, resume):
    with pytest.raises(RunError, match=r"the recipe is not the one that .*optimizer\.lr was 0\.01, is"):
        resume(broken, "optimizer.lr=0.5")
    with pytest.raises(RunError, match=r"began with other folds .*: got --folds 3; wanted --folds 2"):
        resume(broken, n_folds=3)


def test_an_ensemble_or_a_fold_is_not_continued_as_a_single_run(broken, mixed_recipe, mixed_study):
    settings = {"data": mixed_study, "overrides": ["training.max_epochs=1"], "resume": True}
    with pytest.raises(RunError, match=r"got no --folds; wanted --folds 2"):
        train.run(mixed_recipe, output=broken.path, **settings)
    with pytest.raises(RunError, match=r"this run is a fold of an ensemble \(.*fold_1\)"):
        train.run(mixed_recipe, output=broken.member("fold_1").path, **settings)


def test_a_finished_ensemble_is_not_continued(mixed_ensemble, resume):
    with pytest.raises(RunError, match="the run is finished; there is nothing to continue"):
        resume(RunFolder(mixed_ensemble))


def test_one_fold_is_no_ensemble(mixed_recipe, mixed_study, tmp_path):
    with pytest.raises(UsageError, match=r"folds are two or more: got --folds 1\. Fix: leave --folds out"):
        train_folds.run(mixed_recipe, data=mixed_study, output=tmp_path / "run", n_folds=1)
    assert not (tmp_path / "run").exists()
