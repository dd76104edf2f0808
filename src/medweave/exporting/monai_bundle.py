"""The same model in the layout of a MONAI bundle (docs.monai.io, MONAI Bundle Specification)."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from medweave import __version__
from medweave.core.files import write_json, write_text
from medweave.inference.predictor import Predictor
from medweave.recipes.loader import dump_recipe
from medweave.recipes.schema import Recipe

#: MONAI's own schema of metadata.json; the bundle carries one of its required fields for places without a network.
SCHEMA = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
TENSOR_FIELDS = ("type", "format", "num_channels", "spatial_shape", "dtype", "value_range")
TEXT_FIELDS = ("schema", "version", "monai_version", "pytorch_version", "numpy_version", "task", "description")


def write_monai_bundle(
    folder: Path, *, predictor: Predictor, weights: Sequence[Path], recipe: Recipe, licence: str
) -> None:
    """Write configs/, models/ and docs/ of a MONAI bundle.

    `models/model.pt` holds the state dictionary; `network_def` of `configs/inference.json` builds the network from the
    recipe beside it, and `run` predicts with the bundle that the folder lies in, the whole path.

    Args:
        folder: New folder, inside a bundle.
        predictor: Of the model.
        weights: Of its networks, as a training left them; those of an ensemble beyond the first become `model_1.pt` …
        recipe: The resolved recipe.
        licence: What the copyright field says.
    """
    configs, models, docs = folder / "configs", folder / "models", folder / "docs"
    for path in (configs, models, docs):
        path.mkdir(parents=True)
    write_json(configs / "metadata.json", _metadata(predictor, recipe, licence))
    write_json(configs / "metadata_schema.json", _schema())
    write_json(configs / "inference.json", _inference())
    write_text(configs / "recipe.yaml", dump_recipe(recipe))
    for number, path in enumerate(weights):
        torch.save(load_file(path), models / (f"model_{number}.pt" if number else "model.pt"))
    write_text(docs / "README.md", _readme(recipe.name))


def _metadata(predictor: Predictor, recipe: Recipe, licence: str) -> dict[str, Any]:
    inputs = {
        name: {
            "type": "image",
            "format": "magnitude",
            "modality": "n/a",
            "num_channels": source.n_channels,
            "spatial_shape": list(predictor.window.size_voxels[name]),
            "dtype": "float32",
            "value_range": [],
            "is_patch_data": not predictor.takes_whole_cases,
            "channel_def": {str(number): image for number, image in enumerate(source.image_names)},
        }
        for name, source in predictor.source.inputs.items()
    }
    outputs: dict[str, Any] = {}
    for name, head in predictor.segmentation_heads.items():
        background = {"0": "background"} if head.activation == "softmax" else {}
        names = [*background.values(), *head.structures]
        outputs[name] = {
            **_tensor("image", "segmentation", len(names)),
            "spatial_shape": list(predictor.window.size_voxels[head.input_name]),
            "channel_def": {str(number): structure for number, structure in enumerate(names)},
        }
    for name in predictor.network_classes:
        classes = predictor.classification_heads[name].classes
        outputs[name] = {
            **_tensor("probabilities", "classes", len(classes)),
            "channel_def": {str(number): label for number, label in enumerate(classes)},
        }
    return {
        "schema": SCHEMA,
        "version": __version__,
        "changelog": {__version__: "exported by medweave"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch"),
        "numpy_version": version("numpy"),
        "required_packages_version": {name: version(name) for name in ("medweave", "onnxruntime", "SimpleITK")},
        "name": recipe.name,
        "task": f"{', '.join(outputs)} of {', '.join(inputs)}",
        "description": f"The study {recipe.name}, exported by medweave {__version__}; see ../model_card.md.",
        "authors": "see ../model_card.md",
        "copyright": licence,
        "intended_use": "research; not a medical device",
        "network_data_format": {"inputs": inputs, "outputs": outputs},
    }


def _tensor(kind: str, form: str, channels: int) -> dict[str, Any]:
    return {
        "type": kind,
        "format": form,
        "num_channels": channels,
        "spatial_shape": [],
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": False,
    }


def _inference() -> dict[str, Any]:
    return {
        "imports": ["$import pathlib", "$import torch"],
        "bundle_root": ".",
        "medweave_bundle": "$pathlib.Path(@bundle_root).resolve().parent",
        "dataset_dir": "$@medweave_bundle / 'golden' / 'input'",
        "output_dir": "predictions",
        "recipe": {
            "_target_": "medweave.building.check.read_recipe",
            "source": "$pathlib.Path(@bundle_root) / 'configs' / 'recipe.yaml'",
        },
        "network_def": {"_target_": "medweave.building.model.build_model", "recipe": "@recipe"},
        "weights": "$torch.load(pathlib.Path(@bundle_root) / 'models' / 'model.pt', weights_only=True)",
        "load_weights": "$@network_def.load_state_dict(@weights)",
        "predict": {
            "_target_": "medweave.workflows.predict.run",
            "model": "@medweave_bundle",
            "inputs": ["$pathlib.Path(@dataset_dir)"],
            "output": "$pathlib.Path(@output_dir)",
        },
        "run": ["$print(@predict.folder)"],
    }


def _schema() -> dict[str, Any]:
    tensors = {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {"type": "object", "required": list(TENSOR_FIELDS)},
    }
    fields: Mapping[str, Any] = {
        **{name: {"type": "string"} for name in (*TEXT_FIELDS, "authors", "copyright")},
        "required_packages_version": {"type": "object"},
        "network_data_format": {
            "type": "object",
            "required": ["inputs", "outputs"],
            "properties": {"inputs": tensors, "outputs": tensors},
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The fields that the MONAI Bundle Specification requires of metadata.json",
        "type": "object",
        "required": list(fields),
        "properties": dict(fields),
    }


def _readme(name: str) -> str:
    return f"""# {name}

A model of medweave as a MONAI bundle. It lies in a medweave bundle and predicts with it; copy the whole.

```sh
pip install 'medweave[runtime]' 'monai[fire,jsonschema]'
python -m monai.bundle verify_metadata --meta_file configs/metadata.json --filepath configs/metadata_schema.json
python -m monai.bundle run --config_file configs/inference.json --bundle_root . --dataset_dir DATA --output_dir OUTPUT
```

With `--filepath` of a file that is not there MONAI fetches its own schema. `models/model.pt` is the state dictionary of
the network that `network_def` builds (needs `medweave[train]`). What the model is for, and what it is not:
`../model_card.md`.
"""
