import json

import jsonschema
import pytest
import torch
from monai.bundle import ConfigParser, verify_metadata
from safetensors.torch import save_file

from medweave.building.model import build_model
from medweave.core.files import file_sha256
from medweave.exporting.monai_bundle import write_monai_bundle


@pytest.fixture
def folder(predictor, recipe, tmp_path):
    weights = tmp_path / "model.safetensors"
    save_file(predictor.networks[0].model.state_dict(), weights)
    write_monai_bundle(
        tmp_path / "bundle" / "monai", predictor=predictor, weights=[weights, weights], recipe=recipe, licence="mine"
    )
    return tmp_path / "bundle" / "monai"


def test_monai_verifies_the_metadata_without_a_network_connection(folder):
    configs = folder / "configs"
    schema = configs / "metadata_schema.json"
    verify_metadata(
        meta_file=str(configs / "metadata.json"),
        filepath=str(schema),
        hash_val=file_sha256(schema),
        hash_type="sha256",
    )


def test_the_schema_refuses_metadata_without_an_output(folder):
    schema = json.loads((folder / "configs" / "metadata_schema.json").read_text())
    metadata = json.loads((folder / "configs" / "metadata.json").read_text())
    metadata["network_data_format"]["outputs"] = {}
    with pytest.raises(jsonschema.ValidationError, match="non-empty"):
        jsonschema.validate(metadata, schema)


def test_the_metadata_tell_channels_structures_and_classes(folder):
    data = json.loads((folder / "configs" / "metadata.json").read_text())["network_data_format"]
    assert data["inputs"]["xray"]["num_channels"] == 3
    assert data["inputs"]["mri"]["spatial_shape"] == [8, 8, 4]
    assert data["outputs"]["heart"]["channel_def"] == {"0": "background", "1": "atrium"}
    assert data["outputs"]["side"]["channel_def"] == {"0": "left", "1": "right", "2": "both"}


def test_the_configuration_builds_the_network_and_loads_its_weights(folder, predictor):
    parser = ConfigParser()
    parser.read_config(str(folder / "configs" / "inference.json"))
    parser["bundle_root"] = str(folder)
    network = parser.get_parsed_content("network_def")
    assert parser.get_parsed_content("load_weights").missing_keys == []
    expected = predictor.networks[0].model.state_dict()
    assert all(torch.equal(values, expected[name]) for name, values in network.state_dict().items())
    assert sorted(path.name for path in (folder / "models").iterdir()) == ["model.pt", "model_1.pt"]
    assert type(network) is type(build_model(parser.get_parsed_content("recipe")))
