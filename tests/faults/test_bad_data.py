"""Data that cannot be trained on."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

IMAGE, LABEL_MAP = "imagesTr/heart_002.nii.gz", "labelsTr/heart_002.nii.gz"


@pytest.fixture
def train(tiny_overrides):
    """The arguments of a training on `study` into `run`."""
    return ["train", "heart_small", "--data", "study", "--output", "run", *tiny_overrides]


@pytest.mark.parametrize(
    "command",
    [
        ["train", "heart_small", "--data", "DATA", "--output", "new"],
        ["inspect", "DATA"],
        ["check", "heart_small", "--data", "DATA"],
    ],
    ids=lambda command: command[0],
)
def test_a_data_folder_must_be_there_be_a_folder_and_hold_something(command, refuse, tmp_path):
    (tmp_path / "a file").write_text("x")
    (tmp_path / "empty").mkdir()
    for data, says in (
        ("nowhere", "data folder not found (nowhere)"),
        ("a file", "the data folder is a file (a file)"),
        ("empty", "data folder is empty (empty)"),
    ):
        refuse(*[data if part == "DATA" else part for part in command], code=1, says=[says])


def test_a_folder_of_no_known_layout_is_refused_with_the_layouts(refuse, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/photo.jpg").write_text("x")
    refuse("inspect", "mine", code=1, says=["matches no known layout", "mine", "imagesTr/<case>.nii.gz"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"training": [', ["not a JSON file", "line 1 column 15"]),
        ("[]", ["no list `training`", '"labels"']),
        ('{"training": [{"image": "./imagesTr/heart_000.nii.gz"}]}', ["entry 0 of `training` is incomplete"]),
        ('{"training": []}', ["the folder holds no case"]),
    ],
)
def test_a_broken_dataset_json_is_named(content, says, study, train, refuse):
    (study / "dataset.json").write_text(content)
    refuse(*train, code=1, says=[*says, "study"])


def test_a_file_that_dataset_json_names_must_be_there(study, train, refuse):
    (study / IMAGE).unlink()
    refuse(*train, code=1, says=["names a file that is absent", "dataset.json", IMAGE])


def test_a_truncated_image_is_refused_by_train_and_by_inspect(study, train, refuse, medweave):
    whole = (study / IMAGE).read_bytes()
    (study / IMAGE).write_bytes(whole[: len(whole) // 2])
    refuse(
        *train, code=1, says=["image file is damaged", IMAGE, f"`medweave inspect {study} --recipe RECIPE` shows all"]
    )
    inspected = medweave("inspect", "study")
    assert (inspected.code, inspected.stderr) == (1, "")
    assert "1 error, 1 warning" in inspected.stdout  # the warning: headers of several orientations
    assert "image file is damaged" in " ".join(inspected.stdout.split())


def _with_nan(voxels):
    changed = voxels.astype(np.float32)
    changed[3, 4, 5] = np.nan
    return changed


@pytest.mark.parametrize(
    ("file", "edit", "says"),
    [
        (IMAGE, _with_nan, ["1 NaN or infinite value", IMAGE]),
        (IMAGE, lambda voxels: voxels * 0 + 7, ["the image is empty; every voxel is 7", IMAGE]),
        (LABEL_MAP, lambda voxels: voxels[1:], ["image and label map lie on different grids: size", LABEL_MAP]),
        (LABEL_MAP, lambda voxels: voxels * 7, ["labels outside the schema; got [7], wanted {'left_atrium': 1}"]),
        (LABEL_MAP, lambda voxels: voxels * np.float32(0.5), ["values that are not labels", LABEL_MAP]),
    ],
    ids=["NaN", "constant", "shape", "unknown label", "fractions"],
)
def test_unfit_voxels_are_refused_with_the_file(file, edit, says, study, train, refuse, change):
    change(study / file, edit)
    refuse(*train, code=1, says=says)


def test_a_mask_of_another_affine_is_refused(study, train, refuse):
    label_map = sitk.ReadImage(study / LABEL_MAP)
    label_map.SetOrigin([position + 10 for position in label_map.GetOrigin()])
    sitk.WriteImage(label_map, study / LABEL_MAP)
    refuse(*train, code=1, says=["lie on different grids: origin", LABEL_MAP])


def test_an_empty_mask_is_a_warning_and_the_training_goes_on(study, train, medweave, change):
    change(study / LABEL_MAP, lambda voxels: voxels * 0)
    result = medweave(*train)
    assert result.code == 0, result.stderr
    fix = "Fix: make sure that the structures are really absent; else leave the label map out."
    assert f"warning: the label map is all background ({study / LABEL_MAP}). {fix}" in result.stderr.splitlines()
    assert "all background" in Path("run/log.txt").read_text()


def test_a_structure_that_no_training_case_has_is_refused(study, train, refuse, change, medweave):
    for label_map in (study / "labelsTr").iterdir():
        change(label_map, lambda voxels: voxels * 0)
    result = medweave(*train)
    assert result.code == 1
    assert "error: no training case holds left_atrium of head 'heart': wanted label values 1" in result.stderr
    assert not Path("run").exists()


def test_a_2d_image_among_3d_ones_is_refused(study, train, refuse):
    for file in (IMAGE, LABEL_MAP):
        slice_ = sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.ReadImage(study / file))[8])
        sitk.WriteImage(slice_, study / file)
    refuse(*train, code=1, says=["an image has the wrong dimension", "got 2D", "heart_002"])


def test_a_2d_study_is_refused_by_a_3d_recipe(study, train, refuse):
    for file in study.glob("*Tr/*"):
        sitk.WriteImage(sitk.GetImageFromArray(sitk.GetArrayFromImage(sitk.ReadImage(file))[8]), file)
    refuse(*train, code=1, says=["an image has the wrong dimension", "heart_", "got 2D", "wanted 3D", "spatial_dims"])


def test_a_case_smaller_than_the_patch_is_padded(study, train, medweave):
    result = medweave(*train, "patches.size_voxels=[48,48,48]")
    assert (result.code, result.stdout.splitlines()[-1]) == (0, "next: medweave evaluate run")


def test_too_few_cases_to_split_are_counted(study, train, refuse):
    description = json.loads((study / "dataset.json").read_text())
    description["training"] = description["training"][:2]
    (study / "dataset.json").write_text(json.dumps(description))
    says = ["too few subjects to split", "got 2 subjects with labels", "at least 3 (train, val, test)"]
    refuse(*train, code=1, says=says)
    refuse("check", "heart_small", "--data", "study", code=1, says=says)


def test_a_recipe_whose_image_the_data_lack_is_refused_by_check(study, refuse):
    changes = ["data.inputs.mri.channels=[t1]", "data.heads.heart.of=t1"]
    says = ["no case has the image 't1' of input 'mri'", "got images image", "set data.inputs.mri.channels"]
    refuse("check", "heart_small", "--data", "study", *changes, code=1, says=says)
