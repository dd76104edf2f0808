"""The Predictor: from the files of a case to its answers. Nothing else predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.measuring import Measuring
from medweave.inference.postprocessing import probabilities, restore_map, restore_segmentation, share_inside
from medweave.inference.prediction import (
    Attention,
    ClassificationHeadInfo,
    Prediction,
    SegmentationHeadInfo,
    SegmentationPrediction,
    classify,
)
from medweave.inference.sliding_window import infer_by_window
from medweave.inference.whole_case import Network, average_over_flips, infer_whole, pad_to_divisors
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.pipeline import Preprocessed


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


@runtime_checkable
class ExplainingBackend(Backend, Protocol):
    """A backend that can tell where the network looks."""

    def attention(
        self,
        images: Mapping[str, NDArray[np.float32]],
        present: Mapping[str, NDArray[np.bool_]],
        *,
        head: str,
        class_index: int,
    ) -> dict[str, NDArray[np.float32]]:
        """Return how much each place (*spatial) of each present input of a batch of one speaks for a class."""
        ...


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
        measuring: Measures the predicted label maps; the classes that it tells are further classification heads.
    """

    def __init__(
        self,
        *,
        source: StudySource,
        segmentation_heads: Mapping[str, SegmentationHeadInfo],
        classification_heads: Mapping[str, ClassificationHeadInfo],
        backend: Backend,
        window: WindowSettings,
        measuring: Measuring | None = None,
    ) -> None:
        measured = measuring.answers if measuring else {}
        truths = {name: source.targets[answer.head] for name, answer in measured.items()}
        self.source = replace(source, targets={**source.targets, **truths})
        self.segmentation_heads = segmentation_heads
        self.network_classes = tuple(classification_heads)
        self.classification_heads = {
            **classification_heads,
            **{name: answer.info for name, answer in measured.items()},
        }
        self.backend = backend
        self.window = window
        self.measuring = measuring

    def predict(self, case: Case, *, keep_probabilities: bool = False, explain: bool = False) -> Prediction:
        """Read, preprocess and predict a case.

        Args:
            case: Its files; label maps are not read.
            keep_probabilities: Keep each structure's probabilities.
            explain: Tell where the network looked for its classes, if the backend can.

        Raises:
            DataError: A file cannot be used or an input is missing.
        """
        inputs = self._read(case)
        prediction = self.finish(case.case_id, self.logits(inputs), inputs, keep_probabilities=keep_probabilities)
        if explain:
            prediction = self._explained(prediction, inputs)
        return self.measuring.complete(prediction, case.attributes) if self.measuring else prediction

    def logits(self, inputs: Mapping[str, Preprocessed]) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head: (channels, *spatial) on the preprocessed grid, or (classes,).

        A study of one input with segmentations only goes by sliding window. A class is answered for the whole case, so
        any other study takes whole images in one pass.

        Args:
            inputs: Those that the case has.
        """
        if len(self.source.inputs) == 1 and not self.network_classes:
            ((name, preprocessed),) = inputs.items()
            network = self._network([name], preprocessed.grid.spatial_dims)
            return infer_by_window(
                preprocessed.image,
                lambda window: network({name: window}),
                window_voxels=self.window.size_voxels[name],
                overlap=self.window.overlap,
                divisor=self.backend.size_divisors[name],
            )
        images = self._images(inputs)
        network = self._network(list(inputs), max(image.ndim - 1 for image in images.values()))
        logits = infer_whole(images, network, divisors=self.backend.size_divisors)
        for head, info in self.segmentation_heads.items():
            if info.input_name in inputs:
                size = inputs[info.input_name].image.shape[1:]
                logits[head] = logits[head][(slice(None), *(slice(count) for count in size))]
        return logits

    def _explained(self, prediction: Prediction, inputs: Mapping[str, Preprocessed]) -> Prediction:
        """Add where the network looked for the likeliest class of each of its heads."""
        if not isinstance(self.backend, ExplainingBackend):
            return prediction
        batch = pad_to_divisors(self._images(inputs), self.backend.size_divisors)
        present = {name: np.array([name in inputs]) for name in self.source.inputs}
        answers = dict(prediction.classifications)
        for head in self.network_classes:
            likeliest = max(answers[head].probabilities, key=answers[head].probabilities.__getitem__)
            index = self.classification_heads[head].classes.index(likeliest)
            maps = {
                name: restore_map(found, inputs[name])
                for name, found in self.backend.attention(batch, present, head=head, class_index=index).items()
            }
            inside = {
                name: share_inside(maps[self.segmentation_heads[name].input_name], to_array(segmentation.label_map) > 0)
                for name, segmentation in prediction.segmentations.items()
            }
            answers[head] = replace(answers[head], attention=Attention(likeliest, maps, inside))
        return replace(prediction, classifications=answers)

    def _images(self, inputs: Mapping[str, Preprocessed]) -> dict[str, NDArray[np.float32]]:
        """Return the image (C, *spatial) of every input of the network, whether the case has it or not."""
        return {name: inputs[name].image if name in inputs else self._absent(name) for name in self.source.inputs}

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
        classifications = {
            name: classify(self.classification_heads[name], logits[name]) for name in self.network_classes
        }
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
