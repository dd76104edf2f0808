"""The measurement contract, its registry, and what a measurement is."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from medweave.core.registry import Registry
from medweave.preprocessing.geometry import Grid


@dataclass(frozen=True)
class Measurement:
    """A named number with its unit.

    Attributes:
        name: Of what was measured ("lv_ejection_fraction").
        value: NaN where it cannot be measured.
        unit: Of the value ("mL", "%"); empty for a ratio.
    """

    name: str
    value: float
    unit: str


@dataclass(frozen=True)
class Segmentation:
    """A label map, predicted or true.

    Attributes:
        labels: (x, y[, z]) on the case's own grid.
        structures: Value of each structure.
        grid: Of the labels.
    """

    labels: NDArray[np.uint8]
    structures: Mapping[str, int]
    grid: Grid

    def mask(self, structure: str) -> NDArray[np.bool_]:
        """Return where a structure is, (x, y[, z])."""
        mask: NDArray[np.bool_] = self.labels == self.structures[structure]
        return mask

    def volume_ml(self, structure: str) -> float:
        """Return the volume of a structure in millilitres; in 2D its area in square centimetres."""
        return int(np.count_nonzero(self.mask(structure))) * self.grid.voxel_volume_ml


class Measurements(ABC):
    """What is measured in the label maps of a case.

    A constructor takes keyword-only parameters, which a recipe gives.

    Attributes:
        facts: Numbers among the attributes of a case that are used where they are known ("height_cm").
    """

    facts: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def problems(self, structures: Mapping[str, Collection[str]], spatial_dims: Mapping[str, int]) -> Sequence[str]:
        """Return what makes a study unfit for these measurements, a line each.

        Args:
            structures: Names of the structures of each segmentation head.
            spatial_dims: Axes of each segmentation head's label map, 2 or 3.
        """

    @abstractmethod
    def __call__(
        self, segmentations: Mapping[str, Segmentation], attributes: Mapping[str, str]
    ) -> Sequence[Measurement]:
        """Measure a case.

        Args:
            segmentations: By segmentation head; a head without a label map has no entry.
            attributes: Further facts of the case, as text ("height_cm").

        Returns:
            Under names and units that are the same for every case; NaN or absent where a case lacks what is needed.
        """


def measurement_label(name: str) -> str:
    """Return a measurement's name for people.

    Example:
        >>> measurement_label("lv_end_diastolic_volume")
        'LV end diastolic volume'
    """
    words = [word.upper() if word in ("lv", "rv") else word for word in name.split("_")]
    return " ".join([words[0][0].upper() + words[0][1:], *words[1:]])


MEASUREMENTS: Registry[type[Measurements]] = Registry("set of measurements", home="medweave.measurements")
"""Sets of measurements by name."""
