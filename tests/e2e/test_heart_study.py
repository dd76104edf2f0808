"""The whole chain on a synthetic study, through the command line alone."""

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from medweave.data.layouts.layout import scan

RUN_FILES = {
    "recipe.yaml",
    "manifest.json",
    "index.json",
    "audit.json",
    "split.json",
    "fingerprint.json",
    "fitted_images.json",
    "input_gate.json",
    "log.txt",
    "metrics.csv",
    "checkpoints/last.ckpt",
    "checkpoints/best.ckpt",
    "model.safetensors",
    "training_summary.json",
    "training_summary.md",
    "figures/training_curves.png",
    "figures/loss_curve.png",
    "figures/score_curve.png",
    "figures/dice_curve.png",
    "figures/learning_rate_curve.png",
}
METRICS = {"dice", "iou", "hd95_mm", "assd_mm", "nsd_2mm", "volume_error_ml"}


@pytest.fixture(scope="module")
def study(tmp_path_factory, heart_study, tiny_overrides, prepare_with):
    """A folder with everything that the chain leaves: inspection, two evaluated runs, predictions, comparison."""
    root = tmp_path_factory.mktemp("chain")
    two_epochs = [*tiny_overrides, "training.max_epochs=2", "training.validate_every_epochs=1"]
    prepare_with("inspect", heart_study, "--output", root / "inspection")
    prepare_with("check", "heart_small", "--data", heart_study)
    for name, changes in (("run", []), ("faster", ["optimizer.lr=0.01"])):
        prepare_with("train", "heart_small", "--data", heart_study, "--output", root / name, *two_epochs, *changes)
        prepare_with("evaluate", root / name)
    case_ids = _read(root / "run/split.json")["test"]
    images = [heart_study / f"imagesTr/{case_id}.nii.gz" for case_id in case_ids]
    prepare_with("predict", root / "run", *images, "--output", root / "predictions", "--probabilities")
    prepare_with("compare", root / "run", root / "faster", "--output", root / "comparison.json")
    return root


def _read(path):
    return json.loads(path.read_text())


def test_the_run_folder_is_complete(study):
    files = {path.relative_to(study / "run").as_posix() for path in (study / "run").rglob("*") if path.is_file()}
    evaluation = {file for file in files if file.startswith("evaluation/")}
    tensorboard = {file for file in files if file.startswith("tensorboard/")}
    assert files - evaluation - tensorboard == RUN_FILES
    assert any("events.out.tfevents" in file for file in tensorboard)
    names = {file.removeprefix("evaluation/test/").partition("/")[0] for file in evaluation}
    assert names == {"summary.json", "per_case.csv", "report.html", "figures", "predictions"}


def test_the_recipe_of_the_run_is_complete_and_settled(study):
    recipe = yaml.safe_load((study / "run/recipe.yaml").read_text())
    assert "auto" not in (recipe["training"]["precision"], recipe["training"]["loader_workers"])
    assert all(isinstance(size, int) for size in recipe["patches"]["size_voxels"]["mri"])
    assert recipe["optimizer"]["name"] == "adamw"
    assert "weight_decay" in recipe["optimizer"]  # a default that the library's recipe does not write


def test_the_manifest_says_how_the_run_came_about(study):
    manifest = _read(study / "run/manifest.json")
    assert manifest["status"] == "finished"
    assert manifest["started"] <= manifest["finished"]
    assert manifest["command"][:3] == ["medweave", "train", "heart_small"]
    assert {"medweave", "torch", "monai"} <= set(manifest["versions"])
    assert all(manifest[key] for key in ("data_hash", "recipe_hash", "device"))


def test_the_split_divides_the_index(study, heart_study):
    split = _read(study / "run/split.json")
    parts = [set(split[part]) for part in ("train", "val", "test")]
    assert set.union(*parts) == {case.case_id for case in scan(heart_study).cases}
    assert sum(map(len, parts)) == 6
    assert min(map(len, parts)) == 1


def test_the_best_epoch_is_that_of_the_best_validation(study):
    metrics, summary = pd.read_csv(study / "run/metrics.csv"), _read(study / "run/training_summary.json")
    assert len(metrics) == summary["epochs"] == 2
    assert summary["best_epoch"] == metrics["val/score"].argmax() + 1
    assert summary["best_value"] == pytest.approx(metrics["val/score"].max(), rel=1e-5)


def test_the_summary_has_the_documented_form(study):
    summary = _read(study / "run/evaluation/test/summary.json")
    assert (summary["split"], summary["n_cases"], summary["n_subjects"]) == ("test", 1, 1)
    assert summary["heads"]["heart"]["kind"] == "segmentation"
    structure = summary["heads"]["heart"]["structures"]["left_atrium"]
    assert METRICS | {"missed"} <= set(structure)
    assert {"mean", "ci95", "worst", "n"} <= set(structure["dice"])


def test_the_dice_of_the_summary_is_that_of_the_written_label_maps(study, heart_study):
    summary = _read(study / "run/evaluation/test/summary.json")
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    (case_id,) = _read(study / "run/split.json")["test"]
    predicted = sitk.ReadImage(study / f"run/evaluation/test/predictions/{case_id}_heart.nii.gz")
    overlap.Execute(predicted, sitk.ReadImage(heart_study / f"labelsTr/{case_id}.nii.gz", sitk.sitkUInt8))
    dice = summary["heads"]["heart"]["structures"]["left_atrium"]["dice"]["mean"]
    assert dice == pytest.approx(overlap.GetDiceCoefficient(1), abs=1e-6)


def test_predictions_lie_on_the_grid_of_their_images_and_are_those_of_the_evaluation(study, heart_study):
    (case_id,) = _read(study / "run/split.json")["test"]
    image = sitk.ReadImage(heart_study / f"imagesTr/{case_id}.nii.gz")
    files = sorted((study / "predictions").glob("*.nii.gz"))
    assert len(files) == 2  # the label map and the probabilities
    for file in files:
        predicted = sitk.ReadImage(file)
        assert predicted.GetSize() == image.GetSize()
        assert predicted.GetSpacing() == pytest.approx(image.GetSpacing(), rel=1e-6)
        assert predicted.GetOrigin() == pytest.approx(image.GetOrigin(), abs=1e-4)
        assert predicted.GetDirection() == pytest.approx(image.GetDirection(), abs=1e-6)
    name = f"{case_id}_heart.nii.gz"
    judged, predicted = (
        sitk.GetArrayFromImage(sitk.ReadImage(folder / name))
        for folder in (study / "run/evaluation/test/predictions", study / "predictions")
    )
    np.testing.assert_array_equal(predicted, judged)


def test_the_table_of_predictions_holds_the_volumes_of_the_label_maps(study):
    (row,) = pd.read_csv(study / "predictions/predictions.csv").to_dict("records")
    label_map = sitk.ReadImage(study / f"predictions/{row['case_id']}_heart.nii.gz")
    volume_ml = (sitk.GetArrayFromImage(label_map) == 1).sum() * np.prod(label_map.GetSpacing()) / 1000
    assert row["status"] == "done"
    assert row["left_atrium_ml"] == pytest.approx(volume_ml, rel=1e-4)


def test_the_comparison_holds_the_dice_of_both_runs(study):
    comparison = _read(study / "comparison.json")
    (row,) = [row for row in comparison["rows"] if row["metric"] == "dice"]
    for position, name in (("first", "run"), ("second", "faster")):
        table = pd.read_csv(study / name / "evaluation/test/per_case.csv")
        assert row[position] == name
        assert row[f"{position}_mean"] == pytest.approx(table["dice"].mean())


@pytest.mark.parametrize("command", ["inspect", "evaluate", "predict", "compare"])
def test_json_is_one_object_on_standard_output_and_nothing_else(command, study, heart_study, tmp_path, medweave):
    arguments = {
        "inspect": [heart_study],
        "evaluate": [study / "run", "--output", tmp_path / "new"],
        "predict": [study / "run", heart_study / "imagesTr/heart_000.nii.gz", "--output", tmp_path / "new"],
        "compare": [study / "run", study / "faster"],
    }
    result = medweave(command, *arguments[command], "--json")
    assert (result.code, result.stderr) == (0, "")
    assert isinstance(json.loads(result.stdout), dict)
