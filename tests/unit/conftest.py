"""A study of two inputs, a mask and classes, in which every kind of thing is missing somewhere."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import yaml

SIZE_VOXELS = (12, 10, 8)
#: Columns that are empty, by case.
MISSING = {
    "c01": ["label_map.mri"],
    "c02": ["target.side"],
    "c03": ["image.xray"],
    "c04": ["image.mri", "label_map.mri"],
    "c05": ["label_map.mri", "target.signs"],
    "c06": ["image.xray", "target.side"],
}
MIXED_RECIPE = {
    "name": "mixed",
    "data": {
        "layout": "table",
        "inputs": {"mri": {"channels": ["mri"]}, "xray": {"spatial_dims": 2, "channels": ["xray"]}},
        "heads": {
            "lesion": {"kind": "segmentation", "structures": {"lesion": 1}, "of": "mri"},
            "side": {"kind": "classification", "classes": ["left", "right"], "ignore": ["both"]},
            "signs": {"kind": "classification", "classes": ["hot", "red"], "multi_label": True},
        },
        "split": {"train": 0.6, "val": 0.2, "test": 0.2, "seed": 0},
    },
    "preprocessing": {"mri": {"size_voxels": [8, 8, 8]}, "xray": {"size_voxels": [8, 8]}},
    "augmentation": [{"name": "affine", "probability": 0.8}, {"name": "noise", "probability": 0.8}],
    "model": {
        "encoders": {
            "mri": {"name": "monai_unet", "channels": [4, 6], "residual_units": 1},
            "xray": {"name": "monai_unet", "channels": [4, 6], "residual_units": 1},
        },
        "fusion": {"name": "concat", "modality_dropout": 0.3},
        "heads": {
            "lesion": {"name": "monai_unet_decoder", "residual_units": 1},
            "side": {"name": "pooled_mlp", "hidden": [4], "dropout": [0.2, 0.2]},
            "signs": {"name": "pooled_mlp", "hidden": [], "dropout": [0.2]},
        },
    },
    "losses": {
        "lesion": {"name": "dice_ce"},
        "side": {"name": "focal", "class_weights": "balanced"},
        "signs": {"name": "cross_entropy", "class_weights": "balanced"},
    },
    "optimizer": {"name": "adamw", "lr": 0.01},
    "training": {"max_epochs": 3, "batch_size": 2, "precision": "float32", "loader_workers": 0, "seed": 3},
}


@pytest.fixture(scope="session")
def mixed_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty small cases with a table; do not write into it."""
    root = tmp_path_factory.mktemp("mixed_study")
    rng = np.random.default_rng(0)
    rows = [_draw_case(root, f"c{number:02d}", rng, is_left=number % 3 > 0) for number in range(20)]
    with (root / "cases.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root


def _draw_case(root: Path, name: str, rng: np.random.Generator, *, is_left: bool) -> dict[str, str]:
    volume = rng.normal(size=SIZE_VOXELS[::-1]).astype(np.float32)
    mask = np.zeros(volume.shape, np.uint8)
    x, y = (2 if is_left else 7), int(rng.integers(2, 6))
    mask[2:6, y : y + 3, x : x + 3] = 1
    sitk.WriteImage(sitk.GetImageFromArray(volume + 3 * mask), str(root / f"{name}.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(mask), str(root / f"{name}_mask.nii.gz"))
    picture = rng.integers(1, 255, size=SIZE_VOXELS[1::-1]).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(picture), str(root / f"{name}.png"))
    row = {
        "case_id": name,
        "image.mri": f"{name}.nii.gz",
        "image.xray": f"{name}.png",
        "label_map.mri": f"{name}_mask.nii.gz",
        "target.side": "left" if is_left else "right",
        "target.signs": ["|", "hot", "red", "hot|red"][int(rng.integers(4))],
    }
    return row | dict.fromkeys(MISSING.get(name, ()), "")


@pytest.fixture(scope="session")
def mixed_recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe of `mixed_study` as a file."""
    path = tmp_path_factory.mktemp("mixed_recipe") / "mixed.yaml"
    path.write_text(yaml.safe_dump(MIXED_RECIPE))
    return path


@pytest.fixture(scope="session")
def mixed_ensemble(
    tmp_path_factory: pytest.TempPathFactory,
    mixed_study: Path,
    mixed_recipe: Path,
    prepare_with: Callable[..., None],
) -> Path:
    """Two folds of `mixed_study`, one epoch each; copy it before changing it."""
    folder = tmp_path_factory.mktemp("mixed_ensemble") / "ensemble"
    arguments = ("--folds", 2, "training.max_epochs=1")
    prepare_with("train", mixed_recipe, "--data", mixed_study, "--output", folder, *arguments)
    return folder
