"""Networks with random weights that are quickly exported, and their predictors."""

import pytest
import torch

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.inference.run_model import build_predictor
from medweave.recipes.schema import Recipe

TWO_INPUTS = {
    "name": "two_inputs",
    "data": {
        "layout": "table",
        "inputs": {"mri": {"channels": ["mri"]}, "xray": {"spatial_dims": 2, "channels": ["xray"], "colour": "rgb"}},
        "heads": {
            "heart": {"kind": "segmentation", "structures": {"atrium": 7}, "of": "mri"},
            "side": {"kind": "classification", "classes": ["left", "right", "both"]},
        },
    },
    "preprocessing": {
        "mri": {"orientation": "LPS", "spacing_mm": [1.0, 1.0, 2.0]},
        "xray": {"intensity": {"name": "range", "lower": 0, "upper": 255}},
    },
    "patches": {"size_voxels": {"mri": [8, 8, 4], "xray": [8, 8]}},
    "model": {
        "encoders": {
            "mri": {"name": "monai_unet", "channels": [2, 4], "residual_units": 1, "norm": "instance"},
            "xray": {"name": "monai_unet", "channels": [2, 4], "residual_units": 1},
        },
        "fusion": {"name": "concat"},
        "heads": {
            "heart": {"name": "monai_unet_decoder", "residual_units": 1, "norm": "instance"},
            "side": {"name": "pooled_mlp", "hidden": [], "dropout": [0], "pooling": "mask"},
        },
    },
    "losses": {"heart": "dice_ce", "side": "cross_entropy"},
    "training": {"precision": "bfloat16"},
}


@pytest.fixture(scope="module")
def recipe():
    """A study of a volume that is segmented, and of a picture that helps to classify it."""
    return complete_recipe(Recipe.model_validate(TWO_INPUTS), "two inputs")


@pytest.fixture(scope="module")
def predictor(recipe):
    """A predictor of it with random weights."""
    torch.manual_seed(0)
    model = build_model(recipe).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return build_predictor(recipe, model, temperatures={"side": 1.5})
