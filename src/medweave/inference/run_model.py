"""From a run to its Predictor, which runs the network with PyTorch."""

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.study import build_study_source, patch_sizes
from medweave.core.errors import RunError
from medweave.inference.backends.torch import TorchBackend, to_channels_last
from medweave.inference.measuring import build_measuring, load_classifiers
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import Predictor, WindowSettings
from medweave.inference.temperature import load_temperatures
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder


def build_predictor(
    recipe: Recipe,
    model: MultiTaskModel,
    *,
    temperatures: Mapping[str, float] | None = None,
    classifiers: Mapping[str, MeasurementClassifier] | None = None,
) -> Predictor:
    """Build the predictor of a resolved recipe around a network, which it shares.

    Args:
        recipe: The recipe.
        model: The network.
        temperatures: Of the classification heads; 1 by default.
        classifiers: By measurements, of the classification heads that have one. Where the network answers the head as
            well, the answer by measurements is called `HEAD_from_measurements`.
    """
    source = build_study_source(recipe)
    segmentation_heads = {
        name: SegmentationHeadInfo(
            structures=head.structures,
            activation=model.segmentation_heads[name].activation,  # type: ignore[arg-type]
            input_name=head.input_name,
            image_name=head.image_name,
        )
        for name, head in source.heads.items()
    }
    classification_heads = {
        name: ClassificationHeadInfo(target.classes, target.multi_label, (temperatures or {}).get(name, 1.0))
        for name, target in source.targets.items()
        if name in model.classification_heads
    }
    measuring = build_measuring(recipe, network_classes=list(classification_heads), classifiers=classifiers or {})
    window = WindowSettings(
        size_voxels=patch_sizes(recipe.patches, recipe.data.inputs),
        overlap=recipe.patches.overlap if recipe.patches else 0.0,
        flips=recipe.prediction.flips,
        largest_component=recipe.prediction.largest_component,
    )
    return Predictor(
        source=source,
        segmentation_heads=segmentation_heads,
        classification_heads=classification_heads,
        backend=TorchBackend(model, precision=recipe.training.precision),
        window=window,
        measuring=measuring,
    )


def load_run(path: Path) -> Predictor:
    """Load the predictor of a run.

    Args:
        path: Run folder.

    Raises:
        RunError: The run has no usable weights, or its calibration is damaged.
    """
    run = RunFolder.open(path)
    recipe = complete_recipe(load_recipe(run.recipe), run.recipe)
    model = build_model(recipe)
    if not run.weights.is_file():
        raise RunError(
            "the run has no trained weights yet",
            where=run.weights,
            fix="let the training reach its first validation, or continue it with `medweave train … --resume`.",
        )
    try:
        model.load_state_dict(load_file(run.weights))
    except Exception as error:
        raise RunError(
            "the weights cannot be loaded",
            where=run.weights,
            got=str(error).splitlines()[0],
            fix="copy the run again, or train it again.",
        ) from error
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = to_channels_last(model.to(device)).eval()
    temperatures = load_temperatures(run.calibration)
    return build_predictor(recipe, model, temperatures=temperatures, classifiers=load_classifiers(recipe, run))
