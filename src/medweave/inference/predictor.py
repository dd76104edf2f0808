"""The Predictor: from the files of a case to its answers. Nothing else predicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import SimpleITK as sitk
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.study import build_study_source
from medweave.core.errors import DataError, RunError
from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.backends.torch import TorchBackend, to_channels_last
from medweave.inference.postprocessing import probabilities, restore_segmentation
from medweave.inference.sliding_window import average_over_flips, infer_by_window
from medweave.models.multitask import MultiTaskModel
from medweave.preprocessing.pipeline import Preprocessed
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder


class Backend(Protocol):
    """What runs the network on a batch of arrays."""

    @property
    def size_divisor(self) -> int:
        """The number that every axis of a batch must be a multiple of."""
        ...

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head, (B, channels, *spatial)."""
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
class Prediction:
    """The answers to a case, by head."""

    case_id: str
    segmentations: Mapping[str, SegmentationPrediction]


@dataclass(frozen=True)
class WindowSettings:
    """How the window slides.

    Attributes:
        size_voxels: Of the window.
        overlap: Share of a window that overlaps the next.
        flips: Average over mirrored copies.
        largest_component: Keep only the largest component of each structure.
    """

    size_voxels: tuple[int, ...]
    overlap: float = 0.5
    flips: bool = False
    largest_component: bool = False


class Predictor:
    """Predicts cases with a network, wherever it runs.

    Args:
        source: What the network reads of a case.
        heads: What its answers mean.
        backend: Runs the network.
        window: How the window slides.
    """

    def __init__(
        self,
        *,
        source: StudySource,
        heads: Mapping[str, SegmentationHeadInfo],
        backend: Backend,
        window: WindowSettings,
    ) -> None:
        self.source = source
        self.segmentation_heads = heads
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
        inputs = {name: self._read(case, name) for name in self.source.inputs}
        return self.finish(case.case_id, self.logits(inputs), inputs, keep_probabilities=keep_probabilities)

    def logits(self, inputs: Mapping[str, Preprocessed]) -> dict[str, NDArray[np.float32]]:
        """Return the logits (channels, *spatial) of each head on the preprocessed grid."""
        ((name, preprocessed),) = inputs.items()

        def network(batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
            return self.backend({name: batch}, {name: np.ones(len(batch), np.bool_)})

        spatial_dims = preprocessed.grid.spatial_dims
        return infer_by_window(
            preprocessed.image,
            average_over_flips(network, spatial_dims) if self.window.flips else network,
            window_voxels=self.window.size_voxels,
            overlap=self.window.overlap,
            divisor=self.backend.size_divisor,
        )

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
        return Prediction(case_id, segmentations)

    def image_path(self, case: Case, head: str) -> Path:
        """Return the image on whose grid a head's label map lies."""
        return case.images[self.segmentation_heads[head].image_name]

    def truth_path(self, case: Case, head: str) -> Path | None:
        """Return the true label map of a head, or None where the case has none."""
        return case.label_maps.get(self.segmentation_heads[head].image_name)

    def _read(self, case: Case, name: str) -> Preprocessed:
        if not self.source.has_input(case, name):
            wanted = ", ".join(self.source.inputs[name].image_names)
            raise DataError(
                f"input {name!r} is missing",
                where=f"case {case.case_id}",
                got=f"images {', '.join(case.images) or 'none'}",
                wanted=wanted,
            )
        return self.source.read_input(case, name)


def build_predictor(recipe: Recipe, model: MultiTaskModel) -> Predictor:
    """Build the predictor of a resolved recipe around a network, which it shares."""
    source = build_study_source(recipe)
    if recipe.patches is None or not isinstance(recipe.patches.size_voxels, tuple):
        message = "patches.size_voxels is not resolved"
        raise ValueError(message)
    heads = {
        name: SegmentationHeadInfo(
            structures=head.structures,
            activation=model.heads[name].activation,  # type: ignore[arg-type]
            input_name=head.input_name,
            image_name=head.image_name,
        )
        for name, head in source.heads.items()
    }
    window = WindowSettings(
        size_voxels=recipe.patches.size_voxels,
        overlap=recipe.patches.overlap,
        flips=recipe.prediction.flips,
        largest_component=recipe.prediction.largest_component,
    )
    return Predictor(
        source=source,
        heads=heads,
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
    first = next(iter(recipe.data.inputs.values()))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = to_channels_last(model, first.spatial_dims, device=device).eval()
    return build_predictor(recipe, model)
