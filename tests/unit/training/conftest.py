"""A recipe and runs small enough to train in about a second."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from medweave.runs.folder import RunFolder
from medweave.workflows import train

RECIPE = {
    "name": "tiny",
    "data": {
        "layout": "msd",
        "inputs": {"mri": {"spatial_dims": 3, "channels": ["image"]}},
        "heads": {"heart": {"kind": "segmentation", "structures": {"left_atrium": 1}, "of": "image"}},
        "split": {"train": 0.5, "val": 0.25, "test": 0.25, "seed": 1},
    },
    "preprocessing": {"mri": {"orientation": "LPS", "spacing_mm": [9.0, 9.0, 9.0]}},
    "patches": {"size_voxels": [16, 16, 12], "foreground": 0.5, "per_case": 2},
    "augmentation": [{"name": "affine", "probability": 0.8}, {"name": "noise", "probability": 0.8}],
    "model": {
        "encoders": {"mri": {"name": "monai_unet", "channels": [4, 8], "residual_units": 1, "dropout": 0.2}},
        "heads": {"heart": {"name": "monai_unet_decoder", "residual_units": 1, "dropout": 0.2}},
    },
    "losses": {"heart": {"name": "dice_ce"}},
    "optimizer": {"name": "adamw", "lr": 0.01},
    "scheduler": {"name": "cosine", "warmup_epochs": 1},
    "training": {"max_epochs": 4, "batch_size": 2, "precision": "float32", "loader_workers": 1, "seed": 3},
}


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe as a file."""
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(RECIPE))
    return path


@pytest.fixture
def train_tiny(tiny_recipe: Path, heart_study: Path) -> Callable[..., train.TrainingResult]:
    """Train the tiny recipe on the phantoms: `train_tiny(folder, *overrides, resume=False)`."""

    def call(output: Path, *overrides: str, resume: bool = False, data: Path = heart_study) -> train.TrainingResult:
        return train.run(tiny_recipe, data=data, output=output, overrides=overrides, resume=resume)

    return call


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, heart_study: Path) -> RunFolder:
    """A finished training of four epochs; do not write into it."""
    return train.run(tiny_recipe, data=heart_study, output=tmp_path_factory.mktemp("runs") / "run").run
