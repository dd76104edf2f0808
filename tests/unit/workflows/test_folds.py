import csv
import json
import shutil

import pytest

from medweave.building.check import complete_recipe
from medweave.core.errors import DataError, RunError
from medweave.data.layouts.layout import scan
from medweave.data.split import Split
from medweave.recipes.loader import load_recipe
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder
from medweave.workflows.folds import prepare_folds
from medweave.workflows.study import prepare_study


@pytest.fixture
def prepare(mixed_study, mixed_recipe, tmp_path):
    """Prepare folds of the study of several inputs and heads in `run`: `prepare(*overrides, n_folds=…, resume=…)`."""

    def call(*overrides, n_folds=4, data=mixed_study, resume=False):
        recipe = complete_recipe(load_recipe(mixed_recipe, overrides), mixed_recipe)
        folder = RunFolder(tmp_path / "run")
        folds = prepare_folds(recipe, scan(data), folder, n_folds=n_folds, resume=resume, on_progress=lambda *_: None)
        return folds, folder

    return call


def test_folds_divide_what_a_single_training_fits_and_leave_its_test_part_alone(
    prepare, mixed_study, mixed_recipe, tmp_path
):
    folds, folder = prepare()
    recipe = complete_recipe(load_recipe(mixed_recipe, []), mixed_recipe)
    single = prepare_study(
        recipe, scan(mixed_study), RunFolder(tmp_path / "one"), resume=False, on_progress=lambda *_: None
    ).split
    fitted = sorted([*single.train, *single.val])
    splits = [study.split for study in folds.studies.values()]
    assert list(folds.studies) == ["fold_1", "fold_2", "fold_3", "fold_4"]
    assert Split.load(folder.split) == single
    assert [split.test for split in splits] == [single.test] * 4
    assert sorted(case_id for split in splits for case_id in split.val) == fitted
    assert all(sorted([*split.train, *split.val]) == fitted for split in splits)
    assert Ensemble.load(folder.ensemble).folds == {name: study.split.val for name, study in folds.studies.items()}


def test_folds_have_the_prepared_cases_of_their_parts_and_one_recipe(prepare):
    folds, folder = prepare("preprocessing.mri.spacing_mm=auto")
    for study in folds.studies.values():
        assert tuple(case.case_id for case in study.train) == study.split.train
        assert tuple(case.case_id for case in study.val) == study.split.val
        assert study.recipe == load_recipe(folder.recipe)
    assert folds.studies["fold_1"].recipe.preprocessing["mri"].spacing_mm == (1.0, 1.0, 1.0)
    n_fitted = len(folds.studies["fold_1"].train) + len(folds.studies["fold_1"].val)
    assert json.loads(folder.fingerprint.read_text())["n_cases"] == n_fitted


def test_a_fold_begins_with_the_files_of_any_run(prepare):
    folds, folder = prepare()
    fold = folder.member("fold_2")
    folds.begin("fold_2", fold)
    assert Split.load(fold.split) == folds.studies["fold_2"].split
    for name in ("recipe", "fingerprint", "index", "audit", "fitted_images"):
        assert getattr(fold, name).read_bytes() == getattr(folder, name).read_bytes()
    manifests = [json.loads(path.read_text()) for path in (folder.manifest, fold.manifest)]
    assert manifests[0]["data_hash"] == manifests[1]["data_hash"]
    assert manifests[0]["recipe_hash"] == manifests[1]["recipe_hash"]


def test_folds_are_taken_up_as_they_were_drawn(prepare):
    first, folder = prepare()
    resumed, _ = prepare(resume=True)
    assert resumed.studies == first.studies
    assert resumed.fingerprint == first.fingerprint
    folder.manifest.write_text(json.dumps(json.loads(folder.manifest.read_text()) | {"data_hash": "0" * 64}))
    with pytest.raises(RunError, match="the data are not those that the run began with"):
        prepare(resume=True)


def test_a_fold_that_cannot_be_trained_is_refused_before_any_is(prepare, mixed_study, tmp_path):
    data = shutil.copytree(mixed_study, tmp_path / "data")
    with (data / "cases.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["case_id"] != "c18":  # a case that the split gives to the validation part
            row["target.side"] = row["target.side"].replace("right", "left")
    with (data / "cases.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    message = r"no training case is of class right of head 'side' \(fold_\d\)\. Fix: ask for fewer folds; or correct"
    with pytest.raises(DataError, match=message):
        prepare(data=data)
