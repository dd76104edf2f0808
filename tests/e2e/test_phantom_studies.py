"""The whole chain on each kind of study with several tasks or inputs, through the command line, on tiny phantoms."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from medweave.phantoms.cardiac import write_cardiac_study
from medweave.phantoms.chest_xray import write_chest_xray_study
from medweave.phantoms.vessel import write_vessel_study

TWO_EPOCHS = ("training.max_epochs=2", "training.loader_workers=0", "training.precision=float32")


def _read(path):
    return json.loads(Path(path).read_text())


def _parts(run):
    split = _read(run / "split.json")
    return [split[part] for part in ("train", "val", "test")]


@pytest.fixture(scope="module")
def go_through(tmp_path_factory, prepare_with):
    """Inspect, train, evaluate and predict; return the folder with what they left."""

    def go(recipe, data, predicted, *changes):
        root = tmp_path_factory.mktemp("chain")
        prepare_with("inspect", data, "--recipe", recipe, "--output", root / "inspection")
        prepare_with("train", recipe, "--data", data, "--output", root / "run", *TWO_EPOCHS, *changes)
        prepare_with("evaluate", root / "run")
        prepare_with("predict", root / "run", predicted, "--output", root / "predictions")
        return root

    return go


@pytest.fixture(scope="module")
def hearts(tmp_path_factory, go_through):
    data = tmp_path_factory.mktemp("hearts")
    write_cardiac_study(data, n_cases=20, size_voxels=(24, 24))
    changes = ("model.encoders.cine.channels=[4,8,8,8]", "preprocessing.cine.size_voxels=[24,24,12]")
    return go_through("demo", data, data / "patient003", *changes, "preprocessing.cine.spacing_mm=[7,7,10]")


@pytest.fixture(scope="module")
def radiographs(tmp_path_factory, go_through):
    data = tmp_path_factory.mktemp("radiographs")
    write_chest_xray_study(data, n_cases=32, size_pixels=32, share_without_mask=0.3)
    changes = ("preprocessing.radiograph.resize_voxels=[32,32]", "training.batch_size=8")
    return go_through("reference/chest_xray_multitask", data, data / "Normal/images", *changes)


@pytest.fixture(scope="module")
def vessels(tmp_path_factory, go_through):
    data = tmp_path_factory.mktemp("vessels")
    write_vessel_study(data, n_cases=24, size_voxels=16, share_incomplete=0.5)
    changes = [
        change
        for name, size in (("vw_mri", [16, 16, 8]), ("regular_mri", [16, 16]), ("ct", [16, 16]))
        for change in (
            f"model.encoders.{name}={{name: residual_unet, channels: [4, 8], blocks: [1, 1]}}",
            f"preprocessing.{name}.resize_voxels={size}",
        )
    ]
    changes.append("data.split.seed=0")  # the test part has cases without a modality
    return go_through("reference/vessel_multimodal", data, data / "labels.csv", *changes)


def test_hearts_are_segmented_measured_and_diagnosed(hearts):
    heads = _read(hearts / "run/evaluation/test/summary.json")["heads"]
    assert {name: head["kind"] for name, head in heads.items()} == {
        "heart_ed": "segmentation",
        "heart_es": "segmentation",
        "diagnosis": "classification",
        "diagnosis_from_measurements": "classification",
    }
    assert set(heads["heart_es"]["structures"]) == {"rv", "myocardium", "lv"}
    assert heads["diagnosis"]["classes"] == ["NOR", "MINF", "DCM", "HCM", "RV"]


def test_a_patients_folder_alone_is_predicted(hearts):
    rows = pd.read_csv(hearts / "predictions/predictions.csv")
    assert set(rows["case_id"]) == {"patient003"}
    assert set(rows["status"]) == {"done"}
    (row,) = rows.to_dict("records")
    assert "lv_ejection_fraction [%]" in row
    for head in ("diagnosis", "diagnosis_from_measurements"):
        chances = [row[f"prob_{head}_{name}"] for name in ("NOR", "MINF", "DCM", "HCM", "RV")]
        assert sum(chances) == pytest.approx(1, abs=1e-4)
    for head in ("heart_ed", "heart_es"):
        label_map = sitk.ReadImage(hearts / f"predictions/patient003_{head}.nii.gz")
        for structure, value in {"rv": 1, "myocardium": 2, "lv": 3}.items():
            n_voxels = (sitk.GetArrayFromImage(label_map) == value).sum()
            volume_ml = n_voxels * np.prod(label_map.GetSpacing()) / 1000
            assert row[f"{head}_{structure}_ml"] == pytest.approx(volume_ml, rel=1e-3)


def test_images_without_a_mask_are_classified_all_the_same(radiographs):
    index, split = _read(radiographs / "run/index.json"), _read(radiographs / "run/split.json")
    with_mask = {case["case_id"] for case in index["cases"] if case["label_maps"]}
    assert 16 < len(with_mask) < 32
    heads = _read(radiographs / "run/evaluation/test/summary.json")["heads"]
    assert heads["classification"]["n_cases"] == len(split["test"])
    assert heads["segmentation"]["n_cases"] == len(with_mask & {*split["test"]})


def test_images_of_a_subject_stay_together(radiographs):
    subjects = {case["case_id"]: case["subject_id"] for case in _read(radiographs / "run/index.json")["cases"]}
    parts = [{subjects[case_id] for case_id in ids} for ids in _parts(radiographs / "run")]
    assert len(set(subjects.values())) < len(subjects)
    assert sum(map(len, parts)) == len(set.union(*parts)) == len(set(subjects.values()))


def test_every_radiograph_of_a_folder_is_predicted(radiographs):
    rows = pd.read_csv(radiographs / "predictions/predictions.csv")
    assert all(name.startswith("Normal-") for name in rows["case_id"])
    assert rows["case_id"].nunique() == len(rows) == 8
    sums = rows.filter(like="prob_").sum(axis=1)
    assert sums.to_numpy() == pytest.approx(1, abs=1e-4)


@pytest.mark.slow
def test_no_case_is_dropped_for_want_of_a_modality(vessels):
    cases = _read(vessels / "run/index.json")["cases"]
    assert len(cases) == sum(map(len, _parts(vessels / "run"))) == 24
    assert {len(case["images"]) for case in cases} == {1, 2, 3}
    rows = pd.read_csv(vessels / "predictions/predictions.csv")
    assert rows["case_id"].nunique() == 24
    assert set(rows["status"]) == {"done"}


@pytest.mark.slow
def test_results_are_told_by_what_is_missing(vessels):
    (head,) = _read(vessels / "run/evaluation/test/summary.json")["heads"].values()
    cases = {case["case_id"]: case for case in _read(vessels / "run/index.json")["cases"]}
    n_inputs = [len(cases[case_id]["images"]) for case_id in _read(vessels / "run/split.json")["test"]]
    assert {1, 2, 3} & {*n_inputs} != {3}
    assert sum(found["n"] for found in head["by_missing_inputs"].values()) == len(n_inputs)


@pytest.mark.slow
def test_the_demo_segments_and_diagnoses(tmp_path):
    command = [Path(sys.executable).with_name("medweave"), "demo", "--output", tmp_path / "demo"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    heads = _read(tmp_path / "demo/run/evaluation/test/summary.json")["heads"]
    assert min(heads[name]["mean_dice"]["mean"] for name in ("heart_ed", "heart_es")) >= 0.90
    assert heads["diagnosis"]["accuracy"]["mean"] >= 0.5  # a fifth is chance
    assert heads["diagnosis_from_measurements"]["accuracy"]["mean"] >= 0.8
    assert "Traceback" not in result.stderr
    assert (tmp_path / "demo/bundle/model.onnx").is_file()
    assert f"the report:      {tmp_path / 'demo/run/evaluation/test/report.html'}" in result.stdout
