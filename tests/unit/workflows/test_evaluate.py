import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError, RunError, UsageError
from medweave.core.files import write_json, write_text
from medweave.data.audit import Audit
from medweave.data.examination import examine_all, image_sha256
from medweave.data.layouts.layout import scan
from medweave.data.split import Split
from medweave.data.study import InputSource, SegmentationSource, StudySource
from medweave.inference.loading import ModelFacts
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.inference.predictor import Predictor
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_label_map
from medweave.recipes.loader import dump_recipe, load_recipe
from medweave.recipes.section import Component
from medweave.runs.folder import RunFolder
from medweave.workflows import evaluate


class Shifted(Predictor):
    """A predictor that answers with the truth moved by one voxel."""

    def __init__(self):
        structures = {"left_atrium": 1}
        preprocessor = Preprocessor(spatial_dims=3, intensity=IntensityNormalisation(method="none"))
        super().__init__(
            source=StudySource(
                {"mr": InputSource(("image",), preprocessor)}, {"heart": SegmentationSource("mr", "image", structures)}
            ),
            segmentation_heads={"heart": SegmentationHeadInfo(structures, "softmax", "mr", "image")},
            classification_heads={},
            networks=[None],
            window=None,
        )

    def predict(self, case, *, keep_probabilities=False):
        truth = read_label_map(case.label_maps["image"], spatial_dims=3)
        moved = sitk.GetImageFromArray(np.roll(sitk.GetArrayFromImage(truth), 1, axis=0))
        moved.CopyInformation(truth)
        return Prediction(case.case_id, {"heart": SegmentationPrediction(moved, volumes_ml={})})


@pytest.fixture
def model(tmp_path, heart_study, monkeypatch):
    """A run folder whose split has two test cases, and no network."""
    monkeypatch.setattr(evaluate, "load_predictor", lambda path: Shifted())
    run = RunFolder(tmp_path / "run")
    write_text(run.recipe, dump_recipe(load_recipe("heart_small")))
    index = scan(heart_study)
    index.save(run.index)
    names = [case.case_id for case in index.cases]
    Split(train=tuple(names[:3]), val=tuple(names[3:4]), test=tuple(names[4:])).save(run.split)
    Audit(findings=(), duplicate_groups=()).save(run.audit)
    return run.path


def test_the_test_part_is_judged_and_written(model):
    calls = []
    result = evaluate.run(model, on_progress=lambda *progress: calls.append(progress))
    assert calls == [(1, 2), (2, 2)]
    assert result.folder == model / "evaluation/test"
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "figures",
        "per_case.csv",
        "predictions",
        "report.html",
        "summary.json",
    ]
    assert json.loads((result.folder / "summary.json").read_text()) == result.summary
    assert (result.summary["n_cases"], result.summary["split"]) == (2, "test")
    table = pd.read_csv(result.folder / "per_case.csv")
    assert table["dice"].mean() == pytest.approx(result.summary["heads"]["heart"]["mean_dice"]["mean"])
    assert 0.5 < table["dice"].min() < 1
    assert sorted(path.name for path in (result.folder / "predictions").iterdir()) == [
        f"{case_id}_heart.nii.gz" for case_id in table["case_id"]
    ]


def test_evaluating_again_replaces_the_folder(model):
    first = evaluate.run(model, split="val").folder
    (first / "stale.txt").write_text("old")
    second = evaluate.run(model, split="val", save_predictions=False).folder
    assert first == second
    assert not (second / "stale.txt").exists()
    assert not (second / "predictions").exists()
    assert [path.name for path in second.parent.iterdir()] == ["val"]


def test_an_empty_folder_stays_the_folder_that_it_is(model, tmp_path, monkeypatch):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path / "disk")
    for output in (Path(), tmp_path / "link"):
        assert evaluate.run(model, split="val", output=output, save_predictions=False).folder == output
        assert (tmp_path / "disk/report.html").is_file()
        assert [path.name for path in (tmp_path / "disk").glob(".*")] == []
    assert (tmp_path / "link").is_symlink()


def test_an_evaluation_that_cannot_take_its_place_leaves_the_old_one(model, monkeypatch):
    folder = evaluate.run(model, split="val").folder
    before = sorted(path.name for path in folder.iterdir())
    (folder / "report.html").write_text("the old one")
    rename = Path.rename

    def fail_once(path, target):
        if path.parent.name.startswith(".writing-") and path.name == "report.html" and not failed:
            failed.append(path)
            raise OSError(28, "No space left on device")
        return rename(path, target)

    failed = []
    monkeypatch.setattr(Path, "rename", fail_once)
    with pytest.raises(RunError, match=r"cannot write .*No space left"):
        evaluate.run(model, split="val")
    assert (folder / "report.html").read_text() == "the old one"
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_failure_leaves_the_old_evaluation_and_no_rest(model, monkeypatch):
    folder = evaluate.run(model, split="val").folder
    monkeypatch.setattr(evaluate, "write_evaluation", lambda *_, **__: (_ for _ in ()).throw(RunError("disk full")))
    with pytest.raises(RunError, match="disk full"):
        evaluate.run(model, split="val")
    assert (folder / "report.html").is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["val"]


def test_a_folder_that_is_no_evaluation_is_not_replaced(model, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("dear")
    with pytest.raises(RunError, match="holds something that is no evaluation"):
        evaluate.run(model, output=tmp_path / "mine")
    assert (tmp_path / "mine/thesis.txt").is_file()


def test_a_model_that_classifies_nothing_has_no_control_of_shortcuts(model):
    with pytest.raises(UsageError, match="needs a network that classifies"):
        evaluate.run(model, shortcut_control=True)


def test_an_external_folder_is_judged_whole_and_cases_without_truth_are_counted(model, tmp_path, heart_study):
    external = tmp_path / "external"
    _copy_study(heart_study, external, n_cases=2, n_without_truth=1)
    summary = evaluate.run(model, data=external, output=tmp_path / "result").summary
    assert (summary["split"], summary["n_cases"]) == ("external", 2)
    assert summary["heads"]["heart"]["n_without_truth"] == 1


def _remember_fitted(model, heart_study):
    """Write down the images that the run was fitted to, as a training does."""
    run = RunFolder(model)
    split = Split.load(run.split)
    facts = examine_all(scan(heart_study).subset([*split.train, *split.val]))
    content = {case.case_id: {name: image.sha256 for name, image in case.images.items()} for case in facts}
    write_json(run.fitted_images, content)


def test_the_training_folder_is_refused_as_an_external_test_set(model, heart_study):
    _remember_fitted(model, heart_study)
    with pytest.raises(
        DataError, match=r"trained on images of this folder .*: got 4 of 6 cases, for instance heart_000"
    ):
        evaluate.run(model, data=heart_study)


def test_a_copy_of_a_training_image_under_another_name_and_format_is_refused(model, tmp_path, heart_study):
    _remember_fitted(model, heart_study)
    _copy_study(heart_study, tmp_path / "external", n_cases=1, n_without_truth=0)
    image = next((tmp_path / "external/imagesTr").iterdir())
    sitk.WriteImage(sitk.ReadImage(str(image)), str(image.with_name("other.nii")))
    (tmp_path / "external/labelsTr" / image.name).rename(tmp_path / "external/labelsTr/other.nii.gz")
    image.unlink()
    entries = {"training": [{"image": "./imagesTr/other.nii", "label": "./labelsTr/other.nii.gz"}]}
    description = tmp_path / "external/dataset.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | entries))
    with pytest.raises(DataError, match="1 of 1 cases, for instance other, which is heart_000 of the training"):
        evaluate.run(model, data=tmp_path / "external")


def test_the_run_s_test_cases_may_be_an_external_test_set(model, tmp_path, heart_study):
    _remember_fitted(model, heart_study)
    _copy_study(heart_study, tmp_path / "external", n_cases=2, n_without_truth=0, first=4)
    assert evaluate.run(model, data=tmp_path / "external", output=tmp_path / "result").summary["n_cases"] == 2


def test_a_folder_without_any_truth_is_refused(model, tmp_path, heart_study, monkeypatch):
    _copy_study(heart_study, tmp_path / "external", n_cases=1, n_without_truth=2)
    monkeypatch.setattr(Shifted, "truth_path", lambda self, case, head: None)
    with pytest.raises(DataError, match="no case has a true label map"):
        evaluate.run(model, data=tmp_path / "external")


def test_an_external_folder_has_the_layout_of_the_runs_own_data_unless_it_is_named(model, tmp_path, heart_study):
    table = load_recipe("heart_small", ["data.layout.name=table"])
    write_text(RunFolder(model).recipe, dump_recipe(table))
    external = tmp_path / "external"
    _copy_study(heart_study, external, n_cases=1, n_without_truth=0)
    with pytest.raises(DataError, match="table"):
        evaluate.run(model, data=external, output=tmp_path / "result")
    summary = evaluate.run(model, data=external, layout="msd", output=tmp_path / "result").summary
    assert summary["n_cases"] == 1


def test_a_part_without_cases_is_refused(model):
    Split(train=("a",), val=("b",), test=()).save(RunFolder(model).split)
    with pytest.raises(RunError, match="the run has no test cases"):
        evaluate.run(model)


def test_a_model_without_data_needs_a_folder(model):
    RunFolder(model).split.unlink()
    with pytest.raises(RunError, match=r"no data of its own .*--data"):
        evaluate.run(model)


def _copy_study(source, target, *, n_cases, n_without_truth, first=0):
    """Copy cases of an MSD study under new names, the last ones without their label maps."""
    cases = scan(source).cases[first : first + n_cases + n_without_truth]
    facts = json.loads((source / "dataset.json").read_text())
    entries = []
    for position, case in enumerate(cases):
        folders = ["imagesTr", "labelsTr"] if position < n_cases else ["imagesTs"]
        files = [case.images["image"], case.label_maps["image"]]
        for folder, file in zip(folders, files, strict=False):
            (target / folder).mkdir(parents=True, exist_ok=True)
            (target / folder / file.name).write_bytes(file.read_bytes())
        entries.append(SimpleNamespace(name=files[0].name, is_training=position < n_cases))
    facts["training"] = [
        {"image": f"./imagesTr/{entry.name}", "label": f"./labelsTr/{entry.name}"}
        for entry in entries
        if entry.is_training
    ]
    facts["test"] = [f"./imagesTs/{entry.name}" for entry in entries if not entry.is_training]
    (target / "dataset.json").write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def ensemble(mixed_ensemble, tmp_path_factory):
    """A copy of an ensemble of two folds, the second of which collapsed."""
    folder = shutil.copytree(mixed_ensemble, tmp_path_factory.mktemp("evaluated") / "ensemble")
    path = RunFolder(folder).training_summary
    path.write_text(json.dumps(json.loads(path.read_text()) | {"alarms": {"fold_2": ["it found nothing"]}}))
    return folder


def _tables(evaluations, name):
    return pd.concat([pd.read_csv(found.folder / name) for found in evaluations], ignore_index=True)


def test_folds_are_pooled_as_by_hand(ensemble):
    calls = []
    found = evaluate.run(ensemble, split="folds", on_progress=lambda *progress: calls.append(progress))
    by_hand = [evaluate.run(ensemble / name, split="val") for name in ("fold_1", "fold_2")]
    drawn = Split.load(RunFolder(ensemble).split)
    fitted = {*drawn.train, *drawn.val}
    assert calls == [(done, len(fitted)) for done in range(1, len(fitted) + 1)]
    assert found.folder == ensemble / "evaluation/folds"
    assert (found.summary["split"], found.summary["n_cases"]) == ("folds", len(fitted))
    for name in ("per_case.csv", "classification_side.csv", "classification_signs.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(found.folder / name), _tables(by_hand, name), check_dtype=False)
    heads, sides = found.summary["heads"], _tables(by_hand, "classification_side.csv")
    assert heads["side"]["accuracy"]["mean"] == pytest.approx((sides["true_class"] == sides["pred_class"]).mean())
    dice = _tables(by_hand, "per_case.csv")["dice"]
    assert heads["lesion"]["mean_dice"]["mean"] == pytest.approx(dice.mean())
    report = (found.folder / "report.html").read_text()
    assert "Evaluation on the training and validation cases, out of fold" in report
    assert "the run that left the case out of its training" in report


def test_the_test_part_is_answered_by_the_mean_of_the_runs_and_tells_a_collapse(ensemble):
    found = evaluate.run(ensemble)
    alone = [evaluate.run(ensemble / name, output=ensemble / f"test_{name}") for name in ("fold_1", "fold_2")]
    drawn = Split.load(RunFolder(ensemble).split)
    table = pd.read_csv(found.folder / "classification_side.csv")
    assert {*table["case_id"]} <= {*drawn.test}
    members = [pd.read_csv(member.folder / "classification_side.csv")["prob_left"] for member in alone]
    assert table["prob_left"].to_numpy() == pytest.approx(np.mean(members, axis=0), abs=2e-6)
    assert found.summary["ensemble"]["alarms"] == {"fold_2": ["it found nothing"]}
    assert list(found.summary["ensemble"]["folds"]) == ["fold_1", "fold_2"]
    assert "ensemble" not in alone[0].summary
    report = (found.folder / "report.html").read_text()
    assert "Alarm: fold_2 collapsed: it found nothing." in report
    assert "the mean of the probabilities of all 2 runs" in report
    assert "Alarm" not in (alone[0].folder / "report.html").read_text()


def test_an_ensemble_is_judged_on_its_folds_and_its_test_part(ensemble, model):
    assert evaluate.parts_by_default(ensemble) == ("folds", "test")
    assert evaluate.parts_by_default(model) == ("test",)
    with pytest.raises(RunError, match=r"an ensemble has no validation part.*--split folds"):
        evaluate.run(ensemble, split="val")
    with pytest.raises(RunError, match=r"a single run has no folds.*--split test or --split val"):
        evaluate.run(model, split="folds")


def test_an_ensemble_without_a_test_part_is_judged_on_its_folds(ensemble, tmp_path):
    run = RunFolder(shutil.copytree(ensemble, tmp_path / "ensemble"))
    drawn = Split.load(run.split)
    Split(train=drawn.train, val=(*drawn.val, *drawn.test), test=()).save(run.split)
    assert evaluate.parts_by_default(run.path) == ("folds",)
    write_json(run.manifest, json.loads(run.manifest.read_text()) | {"status": "running"})
    with pytest.raises(RunError, match="the ensemble is not complete"):
        evaluate.run(run.path, split="folds")


def test_nothing_is_written_into_a_bundle(tmp_path, heart_study):
    (tmp_path / "bundle.json").write_text("{}")
    with pytest.raises(UsageError, match=r"nothing is written into a bundle .*--output"):
        evaluate.run(tmp_path, data=heart_study)


def test_a_bundle_is_judged_on_other_data_and_not_on_what_it_was_fitted_to(model, heart_study, tmp_path, monkeypatch):
    facts = ModelFacts("bundle", Component(name="msd"), "0" * 64, {"image": 3})
    monkeypatch.setattr(evaluate, "read_facts", lambda path: facts)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    result = evaluate.run(tmp_path / "bundle", data=heart_study, output=tmp_path / "out")
    assert (result.folder, result.summary["n_cases"]) == (tmp_path / "out", 6)
    known = image_sha256(heart_study / "imagesTr" / "heart_003.nii.gz", spatial_dims=3)
    (tmp_path / "bundle" / "fitted_images.json").write_text(json.dumps({"case 1": {"image": known}}))
    with pytest.raises(DataError, match=r"heart_003, which is case 1 of the training"):
        evaluate.run(tmp_path / "bundle", data=heart_study, output=tmp_path / "again")
