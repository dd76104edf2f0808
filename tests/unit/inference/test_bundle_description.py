import json

import pytest
from pydantic import ValidationError

from medweave.inference.bundle import read_description
from medweave.inference.bundle_description import BundleDescription


def test_a_description_comes_back_from_its_json(bundle):
    description = read_description(bundle.path)
    text = json.dumps(description.model_dump(mode="json"))
    assert BundleDescription.model_validate(json.loads(text)) == description


def test_the_preprocessing_is_the_preprocessor_of_the_training(bundle):
    source = read_description(bundle.path).inputs["mri"]
    assert source.preprocessor.intensity.method == "none"
    assert source.preprocessor.to_json() == json.loads(bundle.description.read_text())["inputs"]["mri"]["preprocessor"]


def test_an_unknown_key_is_refused(bundle):
    content = json.loads(bundle.description.read_text())
    with pytest.raises(ValidationError, match="Extra inputs"):
        BundleDescription.model_validate({**content, "inptus": {}})


@pytest.mark.parametrize("name", ["../heart", "a/b", ".hidden", ""])
def test_names_that_would_be_parts_of_a_path_are_refused(bundle, name):
    content = json.loads(bundle.description.read_text())
    ((head, info),) = content["segmentations"].items()
    renamed = {name: info}, {head: {**info, "structures": {name: 1}}}
    for segmentations in renamed:
        with pytest.raises(ValidationError, match="part of file names"):
            BundleDescription.model_validate({**content, "segmentations": segmentations})
