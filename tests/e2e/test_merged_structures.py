"""A structure of several label values: learned, judged, exported and judged again as one."""

import json

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
import yaml

from medweave.phantoms.cardiac import write_cardiac_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(tmp_path_factory, prepare_with):
    """The whole heart and nothing else, learned for an epoch, judged as a run and, on other hearts, as a bundle."""
    folder = tmp_path_factory.mktemp("merged")
    for name, seed in (("data", 1), ("others", 2)):
        write_cardiac_study(folder / name, n_cases=12 if name == "data" else 3, seed=seed, size_voxels=(32, 32))
    changes = [
        "data.heads.heart.structures={heart: [3, 1, 2]}",
        "preprocessing.cine.spacing_mm=[5,5,10]",
        "preprocessing.cine.size_voxels=[32,32,10]",
        "model.encoders.cine={name: residual_unet, channels: [4, 4, 4], blocks: [1, 1, 1]}",
        "training={max_epochs: 1, loader_workers: 0, precision: float32}",
    ]
    prepare_with(
        "train", "reference/cardiac_multitask", "--data", folder / "data", "--output", folder / "run", *changes
    )
    prepare_with("evaluate", folder / "run")
    prepare_with("export", folder / "run", "--output", folder / "bundle")
    prepare_with("evaluate", folder / "bundle", "--data", folder / "others", "--output", folder / "judged")
    return folder


def _labels(path):
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.mark.parametrize(("evaluation", "data"), [("run/evaluation/test", "data"), ("judged", "others")])
def test_the_dice_is_that_of_all_values_together(study, evaluation, data):
    table = pd.read_csv(study / evaluation / "per_case.csv")
    assert set(table["structure"]) == {"heart"}
    assert len(table) >= 2
    for row in table.itertuples():
        predicted = _labels(study / evaluation / f"predictions/{row.case_id}_heart.nii.gz")
        (path,) = (study / data / row.case_id).glob("*frame01_gt.nii.gz")
        truth = np.isin(_labels(path), [1, 2, 3])
        assert set(np.unique(predicted)) <= {0, 3}
        assert truth.any()
        overlap = 2 * np.count_nonzero((predicted == 3) & truth)
        assert row.dice == pytest.approx(overlap / (np.count_nonzero(predicted) + np.count_nonzero(truth)), abs=1e-6)


def test_run_and_bundle_say_which_values_are_one(study):
    description = json.loads((study / "bundle/bundle.json").read_text())["segmentations"]["heart"]
    assert (description["structures"], description["merged_values"]) == ({"heart": 3}, {"1": 3, "2": 3})
    recipe = yaml.safe_load((study / "run/recipe.yaml").read_text())
    assert recipe["data"]["heads"]["heart"]["structures"] == {"heart": [3, 1, 2]}
