"""A model that the service or the app answers with, and what it says of itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from medweave.core.errors import UsageError
from medweave.inference.bundle import BundleFolder, is_bundle, read_description
from medweave.inference.loading import load_predictor, read_facts
from medweave.inference.predictor import Predictor
from medweave.preprocessing.pipeline import Preprocessor
from medweave.serving.watch import Watch, watched

#: What may stand in an address as it is.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class InputDescription(BaseModel):
    """An input of a model."""

    images: list[str]
    """Names under which its images are sent."""
    spatial_dims: int
    """2: a picture; 3: a volume."""


class ClassesDescription(BaseModel):
    """A classification head."""

    classes: list[str]
    """Names of the classes."""
    multi_label: bool
    """Whether a case may have several of them."""


class ModelSummary(BaseModel):
    """A model in the list."""

    name: str
    """As in its address."""
    kind: str
    """run or bundle."""
    sha256: str
    """Of the weights."""


class ModelDescription(ModelSummary):
    """What a client must know of a model."""

    medweave_version: str | None
    """That exported the bundle; null for a run."""
    created: str | None
    """When the bundle was exported; null for a run."""
    inputs: dict[str, InputDescription]
    """By name."""
    structures: dict[str, list[str]]
    """Structures of each segmentation head."""
    classes: dict[str, ClassesDescription]
    """Classes of each classification head."""
    facts: list[str]
    """Numbers about the case that its measurements use where they are sent."""
    has_gate: bool
    """Whether it tells images that it does not know."""
    card: str | None
    """The model card, in Markdown; null for a run."""


@dataclass(frozen=True)
class ServedModel:
    """A loaded model.

    Attributes:
        folder: Of the run or bundle.
        predictor: Predicts, watched by `watch`; one thread at a time may use it.
        watch: Of the prediction that runs.
        description: What it says of itself.
    """

    folder: Path
    predictor: Predictor
    watch: Watch
    description: ModelDescription

    @property
    def name(self) -> str:
        """Name in addresses."""
        return self.description.name

    @property
    def preprocessors(self) -> dict[str, Preprocessor]:
        """Preprocessor of each image that the model takes, by image name."""
        inputs = self.predictor.source.inputs.values()
        return {name: entry.preprocessor for entry in inputs for name in entry.image_names}

    @property
    def takes_volumes(self) -> bool:
        """Whether an input is 3D, so that a prediction may take long."""
        return any(entry.preprocessor.spatial_dims == 3 for entry in self.predictor.source.inputs.values())


def load_models(paths: Sequence[Path]) -> dict[str, ServedModel]:
    """Load models under the names of their folders.

    Raises:
        UsageError: A name cannot stand in an address, or two are equal.
        RunError: A run or bundle cannot be used.
        DependencyError: A package that a model needs is not installed.
    """
    names = [path.resolve().name for path in paths]
    for name, path in zip(names, paths, strict=True):
        if not NAME.fullmatch(name):
            raise UsageError(
                "the folder's name cannot stand in an address",
                where=path,
                wanted="letters, digits, '.', '_' and '-'",
                fix="rename the folder.",
            )
        if names.count(name) > 1:
            raise UsageError(f"two models are called {name!r}", where=path, fix="rename one of the folders.")
    return {name: load_model(path, name=name) for name, path in zip(names, paths, strict=True)}


def load_model(path: Path, *, name: str) -> ServedModel:
    """Load a run or bundle; the errors are those of `load_models`."""
    facts, predictor, watch = read_facts(path), load_predictor(path), Watch()
    predictor.networks = tuple(watched(network, watch) for network in predictor.networks)
    card = BundleFolder(path).model_card
    bundle = read_description(path) if is_bundle(path) else None
    description = ModelDescription(
        name=name,
        kind=facts.kind,
        sha256=facts.sha256,
        medweave_version=bundle.versions.get("medweave") if bundle else None,
        created=bundle.created if bundle else None,
        inputs={
            key: InputDescription(images=list(entry.image_names), spatial_dims=entry.preprocessor.spatial_dims)
            for key, entry in predictor.source.inputs.items()
        },
        structures={key: list(head.structures) for key, head in predictor.segmentation_heads.items()},
        classes={
            key: ClassesDescription(classes=list(head.classes), multi_label=head.multi_label)
            for key, head in predictor.classification_heads.items()
        },
        facts=list(predictor.measuring.measurements.facts) if predictor.measuring else [],
        has_gate=predictor.gate is not None,
        card=card.read_text(encoding="utf-8") if card.is_file() else None,
    )
    return ServedModel(path, predictor, watch, description)
