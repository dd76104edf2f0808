"""The Predictor of a path, whatever runs its network, and what the path says of itself without loading it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medweave.building.layout import image_dims
from medweave.core.errors import UsageError
from medweave.core.files import file_sha256
from medweave.core.optional import import_optional
from medweave.inference.backends.provider import Provider
from medweave.inference.bundle import is_bundle, load_bundle, read_description
from medweave.inference.predictor import Predictor
from medweave.recipes.loader import load_recipe
from medweave.recipes.section import Component
from medweave.runs.continuation import warn_of_unfinished
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder

#: What loads a run; it needs PyTorch, so it is imported when a run is loaded.
RUN_LOADER = "medweave.inference.run_model"


def load_predictor(path: Path, *, provider: Provider | None = None) -> Predictor:
    """Load the predictor of a run or a bundle; a warning says of a run that its training has not ended.

    Args:
        path: Folder of the run or bundle.
        provider: What computes a bundle; the processor by default.

    Raises:
        RunError: The run has no usable weights, or the run or bundle is damaged.
        UsageError: A provider is named for a run.
        DependencyError: A package that the model needs is not installed, or the provider cannot be used.
    """
    if is_bundle(path):
        return load_bundle(path, provider=provider or "cpu")
    if provider is not None:
        raise UsageError("a provider is for bundles", where=path, fix="export the run, or leave --provider out.")
    predictor: Predictor = import_optional(RUN_LOADER).load_run(path)
    warn_of_unfinished(RunFolder(path))
    return predictor


@dataclass(frozen=True)
class ModelFacts:
    """What a run or bundle says of itself.

    Attributes:
        kind: "run" or "bundle".
        layout: How the data were arranged that it was trained on.
        sha256: Of the weights; of the hashes of several files where there are several.
        image_dims: 2 or 3 for each image that it takes.
    """

    kind: str
    layout: Component
    sha256: str
    image_dims: Mapping[str, int]


def read_facts(path: Path) -> ModelFacts:
    """Read what a run or bundle says of itself; needs neither PyTorch nor ONNX Runtime.

    Raises:
        RunError: There is no run or bundle, or it is damaged.
    """
    if is_bundle(path):
        description = read_description(path)
        hashes = [description.files[name] for name in description.network.files]
        dims = {
            name: source.preprocessor.spatial_dims
            for source in description.inputs.values()
            for name in source.image_names
        }
        return ModelFacts("bundle", description.layout, _joined(hashes), dims)
    run = RunFolder.open(path)
    hashes = [file_sha256(weights) for weights in weights_of(run)]
    recipe = load_recipe(run.recipe)
    return ModelFacts("run", recipe.data.layout, _joined(hashes), image_dims(recipe))


def weights_of(run: RunFolder) -> list[Path]:
    """Return the weights of a run, or of every run of an ensemble, that are there."""
    members = [run.member(name) for name in Ensemble.load(run.ensemble).folds] if run.is_ensemble else [run]
    return [member.weights for member in members if member.weights.is_file()]


def _joined(hashes: list[str]) -> str:
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()
