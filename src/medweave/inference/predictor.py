"""The Predictor: from the files of a case to its answers. Nothing else predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy import special

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.study import build_study_source, patch_sizes
from medweave.core.errors import DataError, RunError
from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.backends.torch import TorchBackend, to_channels_last
from medweave.inference.postprocessing import probabilities, restore_segmentation
from medweave.inference.sliding_window import infer_by_window
from medweave.inference.whole_case import Network, average_over_flips, infer_whole
from medweave.models.multitask import MultiTaskModel
from medweave.preprocessing.pipeline import Preprocessed
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder


class Backend(Protocol):
    """What runs the network on a batch of arrays."""

    @property
    def size_divisors(self) -> Mapping[str, Sequence[int]]:
        """The number that each axis of each input must be a multiple of."""
        ...

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head, (B, channels, *spatial) or (B, classes)."""
        ...


@dataclass(frozen=True)
class SegmentationHeadInfo:
    """What the answer of a segmentation head means.

    Attributes:
        structures: Value of each structure in the label map.
        activation: What turns the logits into probabilities.
        input_name: Input on whose native grid the answer lies.
        image_name: Image of a case that has this grid.
    """

    structures: Mapping[str, int]
    activation: Literal["softmax", "sigmoid"]
    input_name: str
    image_name: str


@dataclass(frozen=True)
class SegmentationPrediction:
    """The answer of a segmentation head.

    Attributes:
        label_map: uint8, on the grid of the case's own image.
        volumes_ml: Volume of each structure (area in cm² in 2D).
        probabilities: (x, y[, z]) float32 on the same grid by structure; empty unless asked for.
    """

    label_map: sitk.Image
    volumes_ml: Mapping[str, float]
    probabilities: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassificationHeadInfo:
    """What the answer of a classification head means.

    Attributes:
        classes: Names of the classes, in the order of the logits.
        multi_label: Whether each class is answered by itself (sigmoid) or one excludes the others (softmax).
        temperature: Divides the logits, fitted on the validation part (Guo et al., ICML 2017).
    """

    classes: tuple[str, ...]
    multi_label: bool = False
    temperature: float = 1.0

    def probabilities(self, logits: NDArray[np.float32]) -> dict[str, float]:
        """Return the probability of each class from its logits (classes,)."""
        scaled = logits.astype(np.float64) / self.temperature
        values = special.expit(scaled) if self.multi_label else special.softmax(scaled)
        return {name: float(value) for name, value in zip(self.classes, values, strict=True)}


@dataclass(frozen=True)
class ClassificationPrediction:
    """The answer of a classification head.

    Attributes:
        probabilities: Of each class.
        classes: The likeliest class; with several labels a case, every class of at least one half.
        logits: (classes,) float32, before the temperature.
    """

    probabilities: Mapping[str, float]
    classes: tuple[str, ...]
    logits: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True)
class Prediction:
    """The answers to a case.

    Attributes:
        case_id: The case.
        segmentations: By segmentation head; one whose input the case lacks has no answer.
        classifications: By classification head.
        missing_inputs: Inputs that the case lacks.
    """

    case_id: str
    segmentations: Mapping[str, SegmentationPrediction]
    classifications: Mapping[str, ClassificationPrediction] = field(default_factory=dict)
    missing_inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class WindowSettings:
    """How the window slides.

    Attributes:
        size_voxels: Of the window of each input.
        overlap: Share of a window that overlaps the next.
        flips: Average over mirrored copies.
        largest_component: Keep only the largest component of each structure.
    """

    size_voxels: Mapping[str, tuple[int, ...]]
    overlap: float = 0.5
    flips: bool = False
    largest_component: bool = False


class Predictor:
    """Predicts cases with a network, wherever it runs.

    Args:
        source: What the network reads of a case.
        segmentation_heads: What its label maps mean.
        classification_heads: What its classes mean.
        backend: Runs the network.
        window: How the window slides.
    """

    def __init__(
        self,
        *,
        source: StudySource,
        segmentation_heads: Mapping[str, SegmentationHeadInfo],
        classification_heads: Mapping[str, ClassificationHeadInfo],
        backend: Backend,
        window: WindowSettings,
    ) -> None:
        self.source = source
        self.segmentation_heads = segmentation_heads
        self.classification_heads = classification_heads
        self.backend = backend
        self.window = window

    def predict(self, case: Case, *, keep_probabilities: bool = False) -> Prediction:
        """Read, preprocess and predict a case.

        Args:
            case: Its files; label maps are not read.
            keep_probabilities: Keep each structure's probabilities.

        Raises:
            DataError: A file cannot be used or an input is missing.
        """
        inputs = self._read(case)
        return self.finish(case.case_id, self.logits(inputs), inputs, keep_probabilities=keep_probabilities)

    def logits(self, inputs: Mapping[str, Preprocessed]) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head: (channels, *spatial) on the preprocessed grid, or (classes,).

        A study of one input with segmentations only goes by sliding window. A class is answered for the whole case, so
        any other study takes whole images in one pass.

        Args:
            inputs: Those that the case has.
        """
        if len(self.source.inputs) == 1 and not self.classification_heads:
            ((name, preprocessed),) = inputs.items()
            network = self._network([name], preprocessed.grid.spatial_dims)
            return infer_by_window(
                preprocessed.image,
                lambda window: network({name: window}),
                window_voxels=self.window.size_voxels[name],
                overlap=self.window.overlap,
                divisor=self.backend.size_divisors[name],
            )
        images = {name: inputs[name].image if name in inputs else self._absent(name) for name in self.source.inputs}
        network = self._network(list(inputs), max(image.ndim - 1 for image in images.values()))
        logits = infer_whole(images, network, divisors=self.backend.size_divisors)
        for head, info in self.segmentation_heads.items():
            if info.input_name in inputs:
                size = inputs[info.input_name].image.shape[1:]
                logits[head] = logits[head][(slice(None), *(slice(count) for count in size))]
        return logits

    def _network(self, present: Sequence[str], spatial_dims: int) -> Network:
        """Return the network as a function of the images alone."""
        flags = {name: np.array([name in present]) for name in self.source.inputs}

        def run(images: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
            return self.backend(images, flags)

        return average_over_flips(run, spatial_dims) if self.window.flips else run

    def _absent(self, name: str) -> NDArray[np.float32]:
        """Return what stands in for an absent input; the network is told to ignore it."""
        return np.zeros((self.source.inputs[name].n_channels, *self.window.size_voxels[name]), np.float32)

    def finish(
        self,
        case_id: str,
        logits: Mapping[str, NDArray[np.float32]],
        inputs: Mapping[str, Preprocessed],
        *,
        keep_probabilities: bool = False,
    ) -> Prediction:
        """Turn logits into answers on the native grid."""
        segmentations = {}
        for name, head in self.segmentation_heads.items():
            if head.input_name not in inputs:
                continue
            preprocessed = inputs[head.input_name]
            label_map, kept = restore_segmentation(
                probabilities(logits[name], head.activation),
                preprocessed,
                structures=head.structures,
                activation=head.activation,
                largest_component=self.window.largest_component,
                keep_probabilities=keep_probabilities,
            )
            counts = np.bincount(sitk.GetArrayViewFromImage(label_map).ravel(), minlength=256)
            volume_ml = preprocessed.native_grid.voxel_volume_ml
            volumes = {structure: float(counts[value] * volume_ml) for structure, value in head.structures.items()}
            segmentations[name] = SegmentationPrediction(label_map, volumes, kept)
        classifications = {name: _classify(head, logits[name]) for name, head in self.classification_heads.items()}
        missing = tuple(name for name in self.source.inputs if name not in inputs)
        return Prediction(case_id, segmentations, classifications, missing)

    def image_path(self, case: Case, head: str) -> Path:
        """Return the image on whose grid a head's label map lies."""
        return case.images[self.segmentation_heads[head].image_name]

    def truth_path(self, case: Case, head: str) -> Path | None:
        """Return the true label map of a head, or None where the case has none."""
        return case.label_maps.get(self.segmentation_heads[head].image_name)

    def _read(self, case: Case) -> dict[str, Preprocessed]:
        """Read the inputs that the case has; the only one, or all of several, must not be missing."""
        having = [name for name in self.source.inputs if self.source.has_input(case, name)]
        if not having:
            names = [image_name for source in self.source.inputs.values() for image_name in source.image_names]
            raise DataError(
                "the case has no input of the model",
                where=f"case {case.case_id}",
                got=f"images {', '.join(case.images) or 'none'}",
                wanted=", ".join(names),
                fix="name its images as the model does.",
            )
        return {name: self.source.read_input(case, name) for name in having}


def _classify(head: ClassificationHeadInfo, logits: NDArray[np.float32]) -> ClassificationPrediction:
    probabilities_of = head.probabilities(logits)
    likely = (
        tuple(name for name, value in probabilities_of.items() if value >= 0.5)
        if head.multi_label
        else (max(probabilities_of, key=probabilities_of.__getitem__),)
    )
    return ClassificationPrediction(probabilities_of, likely, logits)


def build_predictor(
    recipe: Recipe, model: MultiTaskModel, *, temperatures: Mapping[str, float] | None = None
) -> Predictor:
    """Build the predictor of a resolved recipe around a network, which it shares.

    Args:
        recipe: The recipe.
        model: The network.
        temperatures: Of the classification heads; 1 by default.
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
    }
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
    )


def load_predictor(path: Path) -> Predictor:
    """Load the predictor of a run.

    Args:
        path: Run folder.

    Raises:
        RunError: The run has no usable weights.
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
    return build_predictor(recipe, model)
