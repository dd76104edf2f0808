import json
import shutil

import pytest
import yaml

from medweave.building.check import complete_recipe
from medweave.core.errors import DataError
from medweave.data.layouts.layout import scan
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.workflows.study import prepare_study


@pytest.fixture
def prepare(heart_study, tmp_path, tiny_overrides):
    """Prepare the tiny recipe's study in `run`: `prepare(*overrides, data=…)`."""

    def call(*overrides, data=heart_study, on_progress=lambda *_: None):
        recipe = complete_recipe(load_recipe("demo", [*tiny_overrides, *overrides]), "demo")
        folder = RunFolder(tmp_path / "run")
        return prepare_study(recipe, scan(data), folder, resume=False, on_progress=on_progress), folder

    return call


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
