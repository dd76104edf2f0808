"""From a run, or an ensemble of runs, to its Predictor, which runs the networks with PyTorch."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file

from medweave.building.model import build_model
from medweave.building.study import build_study_source, patch_sizes
from medweave.core.errors import RunError
from medweave.core.registry import load_plugins
from medweave.inference.backends.torch import TorchBackend, to_channels_last
from medweave.inference.device import best_device
from medweave.inference.gate.gate import InputGate
from medweave.inference.measuring import build_measuring, load_classifiers
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import Predictor, WindowSettings
from medweave.inference.temperature import load_temperatures
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.models.heads.tempered import TemperedHead
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.runs.continuation import refuse_unfinished_folds
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder


def build_predictor(
    recipe: Recipe,
    model: MultiTaskModel,
    *,
    temperatures: Mapping[str, float] | None = None,
    classifiers: Mapping[str, MeasurementClassifier] | None = None,
    gate: InputGate | None = None,
) -> Predictor:
    """Build the predictor of a resolved recipe around a network, which it shares.

    Args:
        recipe: The recipe.
        model: The network.
        temperatures: Of the classification heads; 1 by default.
        classifiers: By measurements, of the classification heads that have one. Where the network answers the head as
            well, the answer by measurements is called `HEAD_from_measurements`.
        gate: Tells images that the network does not know.
    """
    source = build_study_source(recipe)
    segmentation_heads = {
        name: SegmentationHeadInfo(
            structures=head.structures,
            activation=model.segmentation_heads[name].activation,  # type: ignore[arg-type]
            input_name=head.input_name,
            image_name=head.image_name,
            merged_values=head.merged_values,
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
        flip_axes=recipe.prediction.flip_axes,
        largest_component=recipe.prediction.largest_component,
    )
    return Predictor(
        source=source,
        segmentation_heads=segmentation_heads,
        classification_heads=classification_heads,
        networks=[TorchBackend(model, precision=recipe.training.precision)],
        window=window,
        measuring=measuring,
        gate=gate,
    )


def models_of(predictor: Predictor) -> list[MultiTaskModel]:
    """Return the networks that a predictor runs with PyTorch."""
    return [network.model for network in predictor.networks if isinstance(network, TorchBackend)]


def load_run(path: Path) -> Predictor:
    """Load the predictor of a run, or of an ensemble of runs.

    Args:
        path: Run folder.

    Raises:
        RunError: The run has no usable weights, its calibration or input gate is damaged, or an ensemble is incomplete.
    """
    run = RunFolder.open(path)
    return _load_ensemble(run) if run.is_ensemble else _load_single(run)


def _load_ensemble(run: RunFolder) -> Predictor:
    """Join the networks of all folds, each with its own temperature, and the ensemble's classifiers of measurements."""
    refuse_unfinished_folds(run)
    members = [_load_single(RunFolder.open(run.member(name).path)) for name in Ensemble.load(run.ensemble).folds]
    first = members[0]
    for member in members:
        _temper(member)
    recipe = _recipe_of(run)
    gates = [member.gate for member in members if member.gate is not None]
    return Predictor(
        source=build_study_source(recipe),
        segmentation_heads=first.segmentation_heads,
        classification_heads={
            name: replace(first.classification_heads[name], temperature=1.0) for name in first.network_classes
        },
        networks=[network for member in members for network in member.networks],
        window=first.window,
        measuring=build_measuring(
            recipe, network_classes=first.network_classes, classifiers=load_classifiers(recipe, run)
        ),
        gate=InputGate.joined(gates) if len(gates) == len(members) else None,
    )


def _temper(predictor: Predictor) -> None:
    """Build the temperatures into the network, which then answers calibrated logits."""
    for model in models_of(predictor):
        heads = model.classification_heads
        for name in predictor.network_classes:
            temperature = predictor.classification_heads[name].temperature
            heads[name] = TemperedHead(heads[name], temperature=temperature)  # type: ignore[arg-type]


def _recipe_of(run: RunFolder) -> Recipe:
    """Read the recipe of a run, which `train` has checked and completed; to check it again takes seconds."""
    recipe = load_recipe(run.recipe)
    load_plugins(recipe.plugins)
    return recipe


def _load_single(run: RunFolder) -> Predictor:
    recipe = _recipe_of(run)
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
    model = to_channels_last(model.to(best_device())).eval()
    temperatures = load_temperatures(run.calibration)
    return build_predictor(
        recipe,
        model,
        temperatures=temperatures,
        classifiers=load_classifiers(recipe, run),
        gate=InputGate.load(run.input_gate),
    )
