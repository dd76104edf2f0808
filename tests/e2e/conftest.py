"""Recipes that several tests train."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from medweave.recipes.loader import library_file


@pytest.fixture(scope="session")
def write_measured_recipe() -> Callable[[Path], None]:
    """Write a recipe of one epoch on small beating hearts, whose diagnosis measurements alone answer."""

    def write(path: Path) -> None:
        recipe = yaml.safe_load(library_file("cardiac").read_text(encoding="utf-8"))
        for section in (recipe["model"]["heads"], recipe["losses"]):
            del section["diagnosis"]
        recipe["preprocessing"]["cine"] |= {"spacing_mm": [5.0, 5.0, 10.0], "size_voxels": [32, 32, 10]}
        recipe["patches"] = {"size_voxels": [32, 32, 8]}
        recipe["model"]["encoders"]["cine"] = {
            "name": "residual_unet",
            "channels": [4, 4, 4],
            "blocks": [1, 1, 1],
            "steps": [[1, 1, 1], [2, 2, 1], [2, 2, 2]],
        }
        recipe["training"] = {"max_epochs": 1, "batch_size": 4, "loader_workers": 0, "precision": "float32"}
        recipe["measurement_classifiers"] = {"diagnosis": "logistic_regression"}
        recipe["data"]["split"] = {"train": 0.6, "val": 0.2, "test": 0.2, "seed": 0}
        path.write_text(yaml.safe_dump(recipe), encoding="utf-8")

    return write
