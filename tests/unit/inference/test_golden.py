import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.inference.bundle import load_bundle
from medweave.inference.golden import check_golden, golden_case, save_golden_answer


@pytest.fixture
def golden(bundle, bundle_case, tmp_path):
    """A golden folder with the answer of the bundle."""
    folder = tmp_path / "golden"
    (folder / "input").mkdir(parents=True)
    shutil.copy(bundle_case.images["image"], folder / "input" / "image.nii.gz")
    save_golden_answer(load_bundle(bundle.path).predict(golden_case(folder)), folder)
    return folder


def test_the_same_answer_is_the_same(bundle, golden):
    result = check_golden(load_bundle(bundle.path), golden)
    assert (result.label_agreement, result.class_difference, result.is_same) == (1, 0, True)


def test_another_label_map_is_told(bundle, golden):
    path = str(golden / "expected_heart.nii.gz")
    labels = sitk.ReadImage(path)
    labels[0, 0, 0] = 0
    sitk.WriteImage(labels, path)
    result = check_golden(load_bundle(bundle.path), golden)
    assert result.label_agreement == pytest.approx(59 / 60)
    assert not result.is_same


def test_other_classes_are_told(bundle, golden):
    path = golden / "expected.json"
    expected = json.loads(path.read_text())
    expected["side"]["left"] += 0.01
    path.write_text(json.dumps(expected))
    result = check_golden(load_bundle(bundle.path), golden)
    assert result.class_difference == pytest.approx(0.01)
    assert not result.is_same


def test_the_images_are_named_by_their_files(golden):
    assert {name: path.name for name, path in golden_case(golden).images.items()} == {"image": "image.nii.gz"}
    assert np.prod(sitk.ReadImage(str(golden / "input" / "image.nii.gz")).GetSize()) == 60
