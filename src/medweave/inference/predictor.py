"""The Predictor: from the files of a case to its answers. Nothing else predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.averaging import Link, MeanOfNetworks
from medweave.inference.backends.backend import Backend, ExplainingBackend
from medweave.inference.case_inputs import CaseInputs, read_case
from medweave.inference.gate.features import feature_output
from medweave.inference.gate.gate import InputGate
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
from medweave.inference.uncertainty import Spread, SpreadOfMembers
from medweave.inference.whole_case import infer_whole, mirrored, mirrorings, pad_to_divisors
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.pipeline import Preprocessed


@dataclass(frozen=True)
class WindowSettings:
    """How the window slides.

    Attributes:
        size_voxels: Of the window of each input.
        overlap: Share of a window that overlaps the next.
        flips: Average over mirrored copies.
        flip_axes: Spatial axes that these are mirrored along.
        largest_component: Keep only the largest component of each structure.
    """

    size_voxels: Mapping[str, tuple[int, ...]]
    overlap: float = 0.5
    flips: bool = False
    flip_axes: tuple[int, ...] = (0, 1, 2)
    largest_component: bool = False

    def mirrorings(self, spatial_dims: int) -> list[tuple[int, ...]]:
        """Return the sets of axes that images of some dimension are mirrored along; the first is empty."""
        return mirrorings([axis for axis in self.flip_axes if axis < spatial_dims] if self.flips else [])


@dataclass(frozen=True)
class Outputs:
    """What the members of a model answer to a case.

    Attributes:
        logits: Of each head, (channels, *spatial) on the preprocessed grid, or (classes,); mean over mirrored copies.
            Of several networks the probabilities are averaged, and these are logits that have the mean.
        features: (F,) of each present input, of each network on the image as it is.
        spread: How far the members differ; None with one member or where not asked for.
    """

    logits: Mapping[str, NDArray[np.float32]]
    features: tuple[Mapping[str, NDArray[np.float32]], ...]
    spread: Spread | None


class Predictor:
    """Predicts cases with a network, or with several whose answers are averaged and compared, wherever they run.

    Args:
        source: What the network reads of a case.
        segmentation_heads: What its label maps mean.
        classification_heads: What its classes mean.
        networks: What runs each network; they take images of the same sizes.
        window: How the window slides.
        measuring: Measures the predicted label maps; the classes that it tells are further classification heads.
        gate: Tells images that the model does not know; None for no check.
    """

    def __init__(
        self,
        *,
        source: StudySource,
        segmentation_heads: Mapping[str, SegmentationHeadInfo],
        classification_heads: Mapping[str, ClassificationHeadInfo],
        networks: Sequence[Backend],
        window: WindowSettings,
        measuring: Measuring | None = None,
        gate: InputGate | None = None,
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
        self.networks = tuple(networks)
        self.window = window
        self.measuring = measuring
        self.gate = gate

    @property
    def has_members(self) -> bool:
        """Whether several answers are averaged, whose spread can be told."""
        return self.window.flips or len(self.networks) > 1

    @property
    def can_explain(self) -> bool:
        """Whether its networks can tell where they look for a class."""
        return len(self._explaining) == len(self.networks)

    @property
    def _explaining(self) -> list[ExplainingBackend]:
        return [network for network in self.networks if isinstance(network, ExplainingBackend)]

    @property
    def size_divisors(self) -> Mapping[str, Sequence[int]]:
        """The number that each axis of each input must be a multiple of."""
        return self.networks[0].size_divisors

    @property
    def takes_whole_cases(self) -> bool:
        """Whether whole images pass the network, so that cases of equal sizes can share a batch.

        A study of one input with segmentations only goes by sliding window. A class is answered for the whole case, so
        any other study takes whole images in one pass.
        """
        return len(self.source.inputs) > 1 or bool(self.network_classes)

    def predict(self, case: Case, *, keep_probabilities: bool = False, explain: bool = False) -> Prediction:
        """Read, preprocess and predict a case.

        Args:
            case: Its files; label maps are not read.
            keep_probabilities: Keep each structure's probabilities.
            explain: Tell where the network looked for its classes, if it can.

        Raises:
            DataError: A file cannot be used or an input is missing.
        """
        read = self.read(case)
        (outputs,) = self.run([read.inputs])
        return self.complete(read, outputs, keep_probabilities=keep_probabilities, explain=explain)

    def read(self, case: Case) -> CaseInputs:
        """Read, check and preprocess the inputs that a case has; threads may do so at the same time.

        Raises:
            DataError: A file cannot be used or an input is missing.
        """
        return read_case(case, self.source, self.gate)

    def complete(
        self, read: CaseInputs, outputs: Outputs, *, keep_probabilities: bool = False, explain: bool = False
    ) -> Prediction:
        """Turn what the network answered into the prediction of a case; arguments are as of `predict`."""
        case_id, inputs = read.case.case_id, read.inputs
        prediction = self.finish(
            case_id, outputs.logits, inputs, keep_probabilities=keep_probabilities, spread=outputs.spread
        )
        warnings = [*read.warnings, *(self.gate.check_features(outputs.features) if self.gate else ())]
        prediction = replace(prediction, warnings=tuple(warnings))
        if explain:
            prediction = self._explained(prediction, inputs)
        return self.measuring.complete(prediction, read.case.attributes) if self.measuring else prediction

    def logits(self, inputs: Mapping[str, Preprocessed]) -> Mapping[str, NDArray[np.float32]]:
        """Return the logits of each head: (channels, *spatial) on the preprocessed grid, or (classes,).

        Args:
            inputs: Those that the case has.
        """
        return self.run([inputs], compare=False)[0].logits

    def features(self, inputs: Mapping[str, Preprocessed]) -> list[dict[str, NDArray[np.float32]]]:
        """Return the pooled features (F,) of each input that a case has, of each network on the image as it is.

        Args:
            inputs: Those that the case has.
        """
        return [self._features(self._pass(network, (), [inputs])[0], inputs) for network in self.networks]

    def run(
        self, batch: Sequence[Mapping[str, Preprocessed]], *, compare: bool = True, keep_voxels: bool = False
    ) -> list[Outputs]:
        """Run the network on some cases.

        Args:
            batch: The inputs that each case has; all of one size, and one case only where a window slides.
            compare: Tell how far the members differ.
            keep_voxels: Tell it of each voxel too.
        """
        spatial_dims = max(found.image.ndim - 1 for found in batch[0].values())
        sets_of_axes = self.window.mirrorings(spatial_dims)
        members = len(self.networks) * len(sets_of_axes)
        collectors = [self._spread(inputs, keep_voxels=keep_voxels) for inputs in batch]
        links = {name: Link.of(head) for name, head in self.segmentation_heads.items()}
        links |= {name: Link.of(head) for name, head in self.classification_heads.items()}
        means = [MeanOfNetworks(links, len(self.networks)) for _ in batch]
        features: list[list[dict[str, NDArray[np.float32]]]] = [[] for _ in batch]
        for network in self.networks:
            sums: list[dict[str, NDArray[np.float32]]] = [{} for _ in batch]
            for axes in sets_of_axes:
                for position, outputs in enumerate(self._pass(network, axes, batch)):
                    logits = {name: outputs[name] for name in self._answered(batch[position])}
                    if compare and members > 1:
                        collectors[position].add(logits)
                    _add(sums[position], logits)
                    if not axes:
                        features[position].append(self._features(outputs, batch[position]))
            for mean, of_network in zip(means, sums, strict=True):
                mean.add(_divided(of_network, len(sets_of_axes)))
        return [
            Outputs(
                means[position].logits(),
                tuple(features[position]),
                collectors[position].result(members) if compare and members > 1 else None,
            )
            for position in range(len(batch))
        ]

    def _spread(self, inputs: Mapping[str, Preprocessed], *, keep_voxels: bool) -> SpreadOfMembers:
        heads = {name: info for name, info in self.segmentation_heads.items() if info.input_name in inputs}
        return SpreadOfMembers(
            segmentation_heads=heads,
            classification_heads={name: self.classification_heads[name] for name in self.network_classes},
            voxel_volumes_ml={name: inputs[info.input_name].grid.voxel_volume_ml for name, info in heads.items()},
            largest_component=self.window.largest_component,
            keep_voxels=keep_voxels,
        )

    def _answered(self, inputs: Mapping[str, Preprocessed]) -> list[str]:
        """Return the heads that a case has an answer of."""
        heads = [name for name, info in self.segmentation_heads.items() if info.input_name in inputs]
        return [*heads, *self.network_classes]

    @staticmethod
    def _features(
        outputs: Mapping[str, NDArray[np.float32]], inputs: Mapping[str, Preprocessed]
    ) -> dict[str, NDArray[np.float32]]:
        return {name: outputs[feature_output(name)] for name in inputs if feature_output(name) in outputs}

    def _pass(
        self, backend: Backend, axes: Sequence[int], batch: Sequence[Mapping[str, Preprocessed]]
    ) -> list[dict[str, NDArray[np.float32]]]:
        """Return what one network answers to the cases, mirrored along some axes."""
        flags = {name: np.full(len(batch), name in batch[0]) for name in self.source.inputs}
        network = mirrored(lambda images: backend(images, flags), axes)
        if not self.takes_whole_cases:
            ((name, preprocessed),) = batch[0].items()
            return [
                infer_by_window(
                    preprocessed.image,
                    lambda window: network({name: window}),
                    window_voxels=self.window.size_voxels[name],
                    overlap=self.window.overlap,
                    divisor=backend.size_divisors[name],
                )
            ]
        answers = infer_whole([self._images(inputs) for inputs in batch], network, divisors=backend.size_divisors)
        for inputs, outputs in zip(batch, answers, strict=True):
            for head, info in self.segmentation_heads.items():
                if info.input_name in inputs:
                    size = inputs[info.input_name].image.shape[1:]
                    outputs[head] = outputs[head][(slice(None), *(slice(count) for count in size))]
        return answers

    def _explained(self, prediction: Prediction, inputs: Mapping[str, Preprocessed]) -> Prediction:
        """Add where the network looked for the likeliest class of each of its heads."""
        if not self.can_explain:
            return prediction
        batch = pad_to_divisors(self._images(inputs), self.size_divisors)
        present = {name: np.array([name in inputs]) for name in self.source.inputs}
        answers = dict(prediction.classifications)
        for head in self.network_classes:
            likeliest = max(answers[head].probabilities, key=answers[head].probabilities.__getitem__)
            index = self.classification_heads[head].classes.index(likeliest)
            found = [network.attention(batch, present, head=head, class_index=index) for network in self._explaining]
            maps = {
                name: restore_map(np.mean([of_network[name] for of_network in found], axis=0), inputs[name])
                for name in found[0]
            }
            inside = {
                name: share_inside(maps[self.segmentation_heads[name].input_name], to_array(segmentation.label_map) > 0)
                for name, segmentation in prediction.segmentations.items()
                if maps[self.segmentation_heads[name].input_name].any()
            }
            answers[head] = replace(answers[head], attention=Attention(likeliest, maps, inside))
        return replace(prediction, classifications=answers)

    def _images(self, inputs: Mapping[str, Preprocessed]) -> dict[str, NDArray[np.float32]]:
        """Return the image (C, *spatial) of every input of the network, whether the case has it or not."""
        return {name: inputs[name].image if name in inputs else self._absent(name) for name in self.source.inputs}

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
        spread: Spread | None = None,
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
            labels, volume_ml = sitk.GetArrayViewFromImage(label_map), preprocessed.native_grid.voxel_volume_ml
            volumes = {
                structure: float(np.count_nonzero(labels == value) * volume_ml)
                for structure, value in head.structures.items()
            }
            deviations = spread.voxels.get(name, ()) if spread else ()
            segmentations[name] = SegmentationPrediction(
                label_map,
                volumes,
                kept,
                volume_deviations_ml=spread.volumes_ml[name] if spread else {},
                deviations={
                    structure: restore_map(deviation, preprocessed)
                    for structure, deviation in zip(head.structures, deviations, strict=False)
                },
            )
        classifications = {
            name: replace(
                classify(self.classification_heads[name], logits[name]),
                deviations=spread.classes[name] if spread else {},
            )
            for name in self.network_classes
        }
        missing = tuple(name for name in self.source.inputs if name not in inputs)
        return Prediction(case_id, segmentations, classifications, missing, members=spread.members if spread else 1)

    def image_path(self, case: Case, head: str) -> Path:
        """Return the image on whose grid a head's label map lies."""
        return case.images[self.segmentation_heads[head].image_name]

    def truth_path(self, case: Case, head: str) -> Path | None:
        """Return the true label map of a head, or None where the case has none."""
        return case.label_maps.get(self.segmentation_heads[head].image_name)


def _add(sums: dict[str, NDArray[np.float32]], logits: Mapping[str, NDArray[np.float32]]) -> None:
    """Add to sums; the first array is the sum so far, so that a single one needs no copy."""
    for name, values in logits.items():
        sums[name] = sums[name] + values if name in sums else values


def _divided(sums: Mapping[str, NDArray[np.float32]], members: int) -> Mapping[str, NDArray[np.float32]]:
    if members == 1:
        return sums
    return {name: np.divide(total, members, dtype=np.float32) for name, total in sums.items()}
