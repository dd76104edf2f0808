"""The recommended recipes on real images, for an epoch: that real headers, sizes and intensities go through."""

import json

import pandas as pd
import pytest
import SimpleITK as sitk

pytestmark = pytest.mark.real_data


@pytest.fixture
def few_cases(shared_data, tmp_path):
    """Link the first cases of a real study into a study of their own."""

    def link(name, n_cases):
        source, target = shared_data / name, tmp_path / name
        description = json.loads((source / "dataset.json").read_text())
        description["training"] = description["training"][:n_cases]
        description["test"] = []
        for entry in description["training"]:
            for file in (entry["image"], entry["label"]):
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                (target / file).symlink_to(source / file)
        (target / "dataset.json").write_text(json.dumps(description))
        return target

    return link


def test_inspecting_the_heart_study_finds_fifteen_sound_cases(shared_data, medweave):
    result = medweave("inspect", shared_data / "msd_heart_2p5mm", "--json")
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    assert (found["n_cases"], found["audit"]["n_errors"]) == (15, 0)
    assert found["structures"]["image"]["left_atrium"]["n_cases"] == 15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "data", "n_cases", "changes"),
    [
        ("heart", "msd_heart_2p5mm", 4, ["preprocessing.mri.spacing_mm=[5,5,5]", "patches.size_voxels=[64,64,32]"]),
        ("hippocampus", "msd_hippocampus", 8, []),
    ],
)
def test_a_recipe_trains_and_judges_real_cases(recipe, data, n_cases, changes, few_cases, tmp_path, medweave):
    study = few_cases(data, n_cases)
    changes = [*changes, "training.max_epochs=1", "training.precision=float32", "training.loader_workers=0"]
    trained = medweave("train", recipe, "--data", study, "--output", tmp_path / "run", *changes)
    assert trained.code == 0, trained.stderr
    judged = medweave("evaluate", tmp_path / "run", "--json")
    assert judged.code == 0, judged.stderr
    head = json.loads(judged.stdout)["heads"][recipe]
    assert head["n_cases"] >= 1
    for structure in head["structures"].values():
        assert 0 <= structure["dice"]["mean"] <= 1
        assert structure["hd95_mm"]["n"] == head["n_cases"]  # a missed structure counts too


@pytest.mark.slow
def test_a_full_size_image_is_predicted_on_its_own_grid(shared_data, tiny_run, tmp_path, medweave):
    file = sorted((shared_data / "msd_heart/imagesTr").glob("*.nii.gz"))[0]
    result = medweave("predict", tiny_run, file, "--output", tmp_path / "new")
    assert result.code == 0, result.stderr
    (row,) = pd.read_csv(tmp_path / "new/predictions.csv").to_dict("records")
    image, label_map = sitk.ReadImage(file), sitk.ReadImage(tmp_path / f"new/{row['case_id']}_heart.nii.gz")
    assert label_map.GetSize() == image.GetSize()
    assert label_map.GetDirection() == pytest.approx(image.GetDirection(), abs=1e-6)
