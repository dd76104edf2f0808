"""How far the members of a model (networks times mirrored copies) differ in their answers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medweave.inference.postprocessing import count_voxels, probabilities
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo


@dataclass(frozen=True)
class Spread:
    """Standard deviations over the members (of a sample: divided by their number less one).

    Attributes:
        members: Number of members, at least 2.
        volumes_ml: Of the volume of each structure on the preprocessed grid, by segmentation head.
        classes: Of the probability of each class, by classification head.
        voxels: Of the probabilities (structures, *spatial) on the preprocessed grid, by segmentation head; empty unless
            asked for.
    """

    members: int
    volumes_ml: Mapping[str, Mapping[str, float]]
    classes: Mapping[str, Mapping[str, float]]
    voxels: Mapping[str, NDArray[np.float32]]


class RunningDeviation:
    """The standard deviation of values that come one after the other (Welford, Technometrics 1962)."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: NDArray[np.floating] = np.zeros((), np.float32)
        self._squares: NDArray[np.floating] = np.zeros((), np.float32)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take one more array of values."""
        self.count += 1
        offset = values - self._mean
        self._mean = self._mean + offset / self.count
        self._squares = self._squares + offset * (values - self._mean)

    def result(self) -> NDArray[np.floating]:
        """Return the standard deviation of each value; needs two arrays."""
        deviation: NDArray[np.floating] = np.sqrt(self._squares / (self.count - 1))
        return deviation


class SpreadOfMembers:
    """Collects the answers of the members to one case.

    Args:
        segmentation_heads: Those that the case has an answer of.
        classification_heads: Those that the network answers.
        voxel_volumes_ml: Of the preprocessed grid of each segmentation head.
        largest_component: Count only the largest component of each structure.
        keep_voxels: Collect the spread of each voxel too, in two float32 volumes for each structure.
    """

    def __init__(
        self,
        *,
        segmentation_heads: Mapping[str, SegmentationHeadInfo],
        classification_heads: Mapping[str, ClassificationHeadInfo],
        voxel_volumes_ml: Mapping[str, float],
        largest_component: bool,
        keep_voxels: bool,
    ) -> None:
        self.segmentation_heads = segmentation_heads
        self.classification_heads = classification_heads
        self.voxel_volumes_ml = voxel_volumes_ml
        self.largest_component = largest_component
        self._volumes = {name: RunningDeviation() for name in segmentation_heads}
        self._voxels = {name: RunningDeviation() for name in segmentation_heads if keep_voxels}
        self._classes = {name: RunningDeviation() for name in classification_heads}

    def add(self, logits: Mapping[str, NDArray[np.float32]]) -> None:
        """Take the logits of one member."""
        for name, head in self.segmentation_heads.items():
            of_structures = probabilities(logits[name], head.activation)
            counts = count_voxels(of_structures, activation=head.activation, largest_component=self.largest_component)
            self._volumes[name].add(counts * self.voxel_volumes_ml[name])
            if name in self._voxels:
                self._voxels[name].add(of_structures)
        for name, info in self.classification_heads.items():
            self._classes[name].add(np.array(list(info.probabilities(logits[name]).values())))

    def result(self, members: int) -> Spread:
        """Return the spread over the members, of which there were at least two."""
        return Spread(
            members,
            {
                name: dict(zip(head.structures, self._volumes[name].result().tolist(), strict=True))
                for name, head in self.segmentation_heads.items()
            },
            {
                name: dict(zip(info.classes, self._classes[name].result().tolist(), strict=True))
                for name, info in self.classification_heads.items()
            },
            {name: found.result().astype(np.float32, copy=False) for name, found in self._voxels.items()},
        )
