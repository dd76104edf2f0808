import csv
import json
import shutil

import pytest
import yaml

from medweave.building.check import complete_recipe
from medweave.core.errors import DataError
from medweave.data.examination import image_sha256
from medweave.data.layouts.layout import scan
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.workflows.study import prepare_study


@pytest.fixture
def prepare(heart_study, tmp_path, tiny_overrides):
    """Prepare the tiny recipe's study in `run`: `prepare(*overrides, data=…)`."""

    def call(*overrides, data=heart_study, on_progress=lambda *_: None):
        recipe = complete_recipe(load_recipe("heart_small", [*tiny_overrides, *overrides]), "heart_small")
        folder = RunFolder(tmp_path / "run")
        return prepare_study(recipe, scan(data), folder, resume=False, on_progress=on_progress), folder

    return call


@pytest.fixture
def prepare_mixed(mixed_study, mixed_recipe, tmp_path):
    """Prepare the study of several inputs and heads in `run`: `prepare_mixed(*overrides, data=…)`."""

    def call(*overrides, data=mixed_study):
        recipe = complete_recipe(load_recipe(mixed_recipe, overrides), mixed_recipe)
        folder = RunFolder(tmp_path / "run")
        return prepare_study(recipe, scan(data), folder, resume=False, on_progress=lambda *_: None), folder

    return call


def _rewritten(study, folder, change):
    """Copy a study of a table, every row changed by `change(row)`; rows that become None are left out."""
    shutil.copytree(study, folder)
    with (study / "cases.csv").open(newline="") as stream:
        rows = [row for row in map(change, csv.DictReader(stream)) if row is not None]
    with (folder / "cases.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_progress_counts_every_case_of_every_stage(prepare):
    calls = []
    prepare(on_progress=lambda *progress: calls.append(progress))
    stages = dict.fromkeys(stage for stage, _, _ in calls)
    assert list(stages) == ["reading", "preprocessing train", "preprocessing val"]
    assert [(done, total) for stage, done, total in calls if stage == "reading"] == [(n, 6) for n in range(1, 7)]
    assert [call for call in calls if call[0] == "preprocessing val"] == [("preprocessing val", 1, 1)]


def test_the_written_recipe_is_settled_and_the_request_is_kept(prepare):
    study, folder = prepare("preprocessing.mri.spacing_mm=auto", "training.precision=auto")
    recipe, manifest = yaml.safe_load(folder.recipe.read_text()), json.loads(folder.manifest.read_text())
    assert manifest["requested_recipe"]["preprocessing"]["mri"]["spacing_mm"] == "auto"
    assert len(recipe["preprocessing"]["mri"]["spacing_mm"]) == 3
    assert recipe["training"]["precision"] == study.recipe.training.precision != "auto"
    assert json.loads(folder.fingerprint.read_text())["n_cases"] == len(study.train) == len(study.split.train)


def test_the_test_part_is_not_preprocessed(prepare):
    study, _ = prepare()
    assert {case.case_id for case in (*study.train, *study.val)} == {*study.split.train, *study.split.val}
    assert len(study.split.test) > 0


def test_images_without_truth_are_in_no_part_of_the_split(prepare, heart_study, tmp_path):
    data = shutil.copytree(heart_study, tmp_path / "study")
    description = json.loads((data / "dataset.json").read_text())
    unlabelled = description["training"].pop()["image"]
    (data / "dataset.json").write_text(json.dumps(description | {"test": [unlabelled]}))
    study, _ = prepare(data=data)
    assert len({*study.split.train, *study.split.val, *study.split.test}) == 5
    assert "heart_005" not in {*study.split.train, *study.split.val, *study.split.test}


def test_a_broken_file_stops_the_study(prepare, heart_study, tmp_path):
    data = shutil.copytree(heart_study, tmp_path / "study")
    (data / "imagesTr/heart_000.nii.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"no content .*heart_000.* shows all that is wrong"):
        prepare(data=data)


def test_a_structure_that_no_training_case_holds_is_refused(prepare):
    with pytest.raises(DataError, match=r"no training case holds aorta of head 'heart': wanted label values 7"):
        prepare("data.heads.heart.structures.aorta=7")


def test_the_images_that_a_model_is_fitted_to_are_written_down_by_their_content(prepare_mixed):
    study, folder = prepare_mixed()
    fitted = json.loads(folder.fitted_images.read_text())
    assert set(fitted) == {*study.split.train, *study.split.val}
    for case_id, images in fitted.items():
        case = study.cases[case_id]
        dims = {"mri": 3, "xray": 2}
        assert images == {name: image_sha256(path, spatial_dims=dims[name]) for name, path in case.images.items()}


def test_targets_of_every_kind_are_prepared_and_absent_ones_left_out(prepare_mixed):
    study, _ = prepare_mixed()
    prepared = {case.case_id: case.targets for case in (*study.train, *study.val)}
    for case_id, targets in prepared.items():
        written = study.cases[case_id].targets
        assert targets.get("side") == (["left", "right"].index(written["side"]) if "side" in written else None)
        names = written["signs"].split("|") if "signs" in written else None
        assert targets.get("signs") == (None if names is None else (float("hot" in names), float("red" in names)))
    assert len({frozenset(targets) for targets in prepared.values()}) > 1


def test_cases_of_an_ignored_class_have_no_target_and_keep_their_mask(prepare_mixed, mixed_study, tmp_path):
    def ignore(row):
        return row | {"target.side": "both"} if row["case_id"] in ("c08", "c09") else row

    study, _ = prepare_mixed(data=_rewritten(mixed_study, tmp_path / "data", ignore))
    prepared = {case.case_id: case for case in (*study.train, *study.val)}
    ignored = [prepared[name] for name in ("c08", "c09") if name in prepared]
    assert len(ignored) > 0
    assert all("side" not in case.targets and "labels.lesion" in case.arrays() for case in ignored)


@pytest.mark.parametrize(
    ("monitor", "wanted"),
    [
        ("val/dice_lesion_lesion", "a case with the truth of its head"),
        ("val/loss_lesion", "a case with the truth of its head"),
        ("val/auc_signs", "two classes"),
    ],
)
def test_a_validation_part_that_cannot_give_the_monitored_value_is_refused(
    prepare_mixed, mixed_study, tmp_path, monitor, wanted
):
    def in_validation(row):
        if row["case_id"] not in ("c06", "c07", "c14", "c18"):
            return row
        return row | {"label_map.mri": "", "target.signs": "hot|red"}

    data = _rewritten(mixed_study, tmp_path / "data", in_validation)
    message = rf"the validation part cannot give {monitor} \(4 cases\): wanted {wanted}\. Fix: add cases"
    with pytest.raises(DataError, match=message):
        prepare_mixed(f"training.early_stopping.monitor={monitor}", data=data)


def test_a_class_that_no_training_case_has_is_refused(prepare_mixed):
    with pytest.raises(DataError, match=r"no training case is of class none of head 'side'\. Fix: correct data\.heads"):
        prepare_mixed("data.heads.side.classes=[left, right, none]")


def test_an_input_that_no_training_case_has_is_refused(prepare_mixed, mixed_study, tmp_path):
    def only_in_one(row):
        return row if row["case_id"] in ("c00", "c04") else row | {"image.xray": ""}

    with pytest.raises(DataError, match="no training case has the input 'xray': wanted cases with xray"):
        prepare_mixed(data=_rewritten(mixed_study, tmp_path / "data", only_in_one))


def test_other_classes_are_other_data(prepare_mixed, mixed_study, tmp_path):
    hashes = []
    swap = {"left": "right", "right": "left", "": ""}
    for name, change in (("same", dict), ("swapped", lambda row: row | {"target.side": swap[row["target.side"]]})):
        _, folder = prepare_mixed(data=_rewritten(mixed_study, tmp_path / name, change))
        hashes.append(json.loads(folder.manifest.read_text())["data_hash"])
    assert hashes[0] != hashes[1]
