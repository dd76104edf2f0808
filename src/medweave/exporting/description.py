"""From a Predictor and its recipe to the description of a bundle."""

from collections.abc import Mapping

from medweave.data.layouts.layout import LAYOUTS
from medweave.inference.bundle import BundleFolder
from medweave.inference.bundle_description import (
    BundleDescription,
    MeasuredHead,
    NetworkDescription,
    TrainingFacts,
)
from medweave.inference.predictor import Predictor
from medweave.measurements.measurement import MEASUREMENTS
from medweave.recipes.schema import Recipe
from medweave.runs.manifest import describe_environment, now


def describe_bundle(
    predictor: Predictor,
    recipe: Recipe,
    folder: BundleFolder,
    *,
    network: NetworkDescription,
    manifest: Mapping[str, object],
    cases: Mapping[str, int],
) -> BundleDescription:
    """Return the description of a bundle whose files are not yet listed.

    Args:
        predictor: What the bundle must answer like.
        recipe: The resolved recipe.
        folder: The bundle.
        network: Its networks.
        manifest: Of the run.
        cases: Number of cases of each part of the split.
    """
    answers = predictor.measuring.answers if predictor.measuring else {}
    plugins = {LAYOUTS.plugin_module(recipe.data.layout.name)}
    if recipe.measurements:
        plugins.add(MEASUREMENTS.plugin_module(recipe.measurements.name))
    return BundleDescription(
        name=recipe.name,
        created=now(),
        versions=describe_environment()["versions"],
        training=TrainingFacts(
            cases=dict(cases),
            **{name: manifest.get(name) for name in ("data_hash", "recipe_hash", "versions", "git_commit", "finished")},
        ),
        network=network,
        plugins=tuple(sorted(module for module in plugins if module)),
        layout=recipe.data.layout,
        inputs=dict(predictor.source.inputs),
        window=predictor.window,
        segmentations=dict(predictor.segmentation_heads),
        classifications={name: predictor.classification_heads[name] for name in predictor.network_classes},
        targets={name: target for name, target in predictor.source.targets.items() if name not in answers}
        | {answer.head: predictor.source.targets[answer.head] for answer in answers.values()},
        measurements=recipe.measurements,
        measured_heads={
            name: MeasuredHead(
                head=answer.head,
                classes=answer.info.classes,
                classifier=folder.measurement_classifier(answer.head).name,
            )
            for name, answer in answers.items()
        },
        files={},
    )
