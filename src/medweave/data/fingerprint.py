"""The fingerprint: statistics of the training cases, used where a recipe says `auto`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medweave.core.errors import DataError
from medweave.core.files import read_json, write_json
from medweave.data.facts import CaseFacts, Intensity
from medweave.data.sampling import Sampling


@dataclass(frozen=True)
class ImageFingerprint:
    """One image of the training cases.

    Attributes:
        samplings: Size, spacing and axis order of each case's image.
        intensity: Of each channel, each number the median over the cases.
        foreground_intensity: The same within the labelled voxels; empty where nothing is labelled.
    """

    samplings: tuple[Sampling, ...]
    intensity: tuple[Intensity, ...]
    foreground_intensity: tuple[Intensity, ...]


@dataclass(frozen=True)
class StructureFingerprint:
    """One structure of the training cases that have the label map.

    Attributes:
        n_cases: Cases in which it is present.
        frequency: Share of the labelled cases in which it is present.
        voxels: Of all cases together.
        median_volume_ml: Over the cases in which it is present; 0 if there is none.
    """

    n_cases: int
    frequency: float
    voxels: int
    median_volume_ml: float


@dataclass(frozen=True)
class Fingerprint:
    """Statistics of the training cases, and of no other.

    Attributes:
        n_cases: Number of training cases.
        images: By image name.
        structures: By label map name and structure.
        background_voxels: By label map name, of all cases together.
        classes: Cases of each class, by classification target.
    """

    n_cases: int
    images: Mapping[str, ImageFingerprint]
    structures: Mapping[str, Mapping[str, StructureFingerprint]]
    background_voxels: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, facts: Sequence[CaseFacts]) -> "Fingerprint":
        """Return the fingerprint of the training cases.

        Args:
            facts: Of the training cases only.
        """
        image_names = sorted({name for case in facts for name in case.images})
        label_map_names = sorted({name for case in facts for name in case.label_maps})
        targets = sorted({target for case in facts for target in case.targets})
        return cls(
            n_cases=len(facts),
            images={name: _image_fingerprint(name, facts) for name in image_names},
            structures={name: _structure_fingerprints(name, facts) for name in label_map_names},
            background_voxels={
                name: sum(case.label_maps[name].n_background_voxels for case in facts if name in case.label_maps)
                for name in label_map_names
            },
            classes={
                target: dict(sorted(Counter(case.targets[target] for case in facts if target in case.targets).items()))
                for target in targets
            },
        )

    def samplings(self, *, orientation: str | None = None, image_names: Sequence[str] | None = None) -> list[Sampling]:
        """Return the sampling of every training image.

        Args:
            orientation: Three letters to reorient each image to first; None keeps the files' axes.
            image_names: Images to count; None for all.

        Raises:
            DataError: There is no such image, or there are 2D and 3D ones.
        """
        names = [name for name in self.images if image_names is None or name in image_names]
        samplings = [sampling.towards(orientation) for name in names for sampling in self.images[name].samplings]
        dimensions = sorted({len(sampling.size_voxels) for sampling in samplings})
        if len(dimensions) != 1:
            raise DataError(
                "the training images have no common size",
                got=f"{' and '.join(f'{count}D' for count in dimensions) or 'no'} images",
                wanted="all 2D or all 3D",
                fix="write numbers instead of auto.",
            )
        return samplings

    def median_spacing_mm(
        self, *, orientation: str | None = None, image_names: Sequence[str] | None = None
    ) -> tuple[float, ...]:
        """Return the median spacing along each axis; arguments as of `samplings`."""
        samplings = self.samplings(orientation=orientation, image_names=image_names)
        return tuple(np.median([sampling.spacing_mm for sampling in samplings], axis=0).tolist())

    def median_size_mm(
        self, *, orientation: str | None = None, image_names: Sequence[str] | None = None
    ) -> tuple[float, ...]:
        """Return the median extent along each axis; arguments as of `samplings`."""
        samplings = self.samplings(orientation=orientation, image_names=image_names)
        return tuple(np.median([sampling.size_mm for sampling in samplings], axis=0).tolist())

    def median_size_voxels_at(
        self,
        spacing_mm: Sequence[float] | None,
        *,
        orientation: str | None = None,
        image_names: Sequence[str] | None = None,
    ) -> tuple[int, ...]:
        """Return the median number of voxels along each axis after resampling.

        Args:
            spacing_mm: Spacing of the (reoriented) axes; None keeps each image's own.
            orientation: As of `samplings`.
            image_names: As of `samplings`.
        """
        samplings = self.samplings(orientation=orientation, image_names=image_names)
        return tuple(np.rint(np.median([s.size_voxels_at(spacing_mm) for s in samplings], axis=0)).astype(int).tolist())

    def largest_size_voxels_at(
        self,
        spacing_mm: Sequence[float] | None,
        *,
        orientation: str | None = None,
        image_names: Sequence[str] | None = None,
    ) -> tuple[int, ...]:
        """Return the largest number of voxels along each axis; arguments as of `median_size_voxels_at`."""
        samplings = self.samplings(orientation=orientation, image_names=image_names)
        return tuple(np.max([sampling.size_voxels_at(spacing_mm) for sampling in samplings], axis=0).tolist())

    def save(self, path: Path) -> None:
        """Write fingerprint.json."""
        write_json(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Fingerprint":
        """Read fingerprint.json."""
        content: dict[str, Any] = read_json(path)
        images = {
            name: ImageFingerprint(
                tuple(Sampling.from_json(sampling) for sampling in image["samplings"]),
                tuple(Intensity(**channel) for channel in image["intensity"]),
                tuple(Intensity(**channel) for channel in image["foreground_intensity"]),
            )
            for name, image in content["images"].items()
        }
        structures = {
            name: {structure: StructureFingerprint(**facts) for structure, facts in table.items()}
            for name, table in content["structures"].items()
        }
        return cls(**content | {"images": images, "structures": structures})


def _image_fingerprint(name: str, facts: Sequence[CaseFacts]) -> ImageFingerprint:
    images = [case.images[name] for case in facts if name in case.images]
    return ImageFingerprint(
        samplings=tuple(image.sampling for image in images),
        intensity=_median_intensity([image.intensity for image in images]),
        foreground_intensity=_median_intensity([image.foreground_intensity for image in images]),
    )


def _median_intensity(cases: Sequence[Sequence[Intensity]]) -> tuple[Intensity, ...]:
    """Return the median of each channel that every case with statistics has."""
    channels = zip(*(channels for channels in cases if channels), strict=False)
    return tuple(median for channel in channels if (median := Intensity.median_of(channel)) is not None)


def _structure_fingerprints(name: str, facts: Sequence[CaseFacts]) -> dict[str, StructureFingerprint]:
    label_maps = [case.label_maps[name] for case in facts if name in case.label_maps]
    fingerprints = {}
    for structure in sorted({structure for label_map in label_maps for structure in label_map.voxels}):
        having = [label_map for label_map in label_maps if label_map.voxels.get(structure, 0) > 0]
        fingerprints[structure] = StructureFingerprint(
            n_cases=len(having),
            frequency=len(having) / len(label_maps),
            voxels=sum(label_map.voxels[structure] for label_map in having),
            median_volume_ml=float(np.median([label_map.volume_ml[structure] for label_map in having] or [0.0])),
        )
    return fingerprints
