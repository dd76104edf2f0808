"""A data set in a few numbers: what `medweave inspect` shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medweave.data.classes import class_counts
from medweave.data.facts import CaseFacts, ImageFacts, Intensity
from medweave.data.index import DatasetIndex


@dataclass(frozen=True)
class Spread:
    """The smallest, median and largest value over the cases."""

    minimum: float
    median: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the spread of at least one value."""
        return cls(float(min(values)), float(np.median(values)), float(max(values)))


@dataclass(frozen=True)
class ImageSummary:
    """One image over the cases whose image can be read and has the usual number of axes.

    Attributes:
        n_cases: How many these are.
        n_channels: How many cases have how many channels.
        orientations: How many cases have which header code ("" in 2D).
        size_voxels: Along each axis of the file.
        spacing_mm: Along each axis of the file.
        size_mm: Along each axis of the file.
        intensity: Of the first channel, each number the median over the cases; None where no value is finite.
        foreground_intensity: The same within the labelled voxels; None where nothing is labelled.
    """

    n_cases: int
    n_channels: Mapping[int, int]
    orientations: Mapping[str, int]
    size_voxels: tuple[Spread, ...]
    spacing_mm: tuple[Spread, ...]
    size_mm: tuple[Spread, ...]
    intensity: Intensity | None
    foreground_intensity: Intensity | None


@dataclass(frozen=True)
class StructureSummary:
    """One structure.

    Attributes:
        n_cases: Cases in which it is present.
        n_label_maps: Cases whose label map can be read.
        voxels: Over the cases in which it is present; None if there is none.
        volume_ml: The same in `unit`.
        unit: "mL", or "cm²" in 2D.
    """

    n_cases: int
    n_label_maps: int
    voxels: Spread | None
    volume_ml: Spread | None
    unit: str


@dataclass(frozen=True)
class Summary:
    """A data set in a few numbers.

    Attributes:
        name: Of the data set.
        layout: Name of the layout.
        n_cases: Number of cases.
        n_subjects: Number of subjects.
        images: By image name.
        patterns: How many cases have which images ("ed + es"), the most frequent first.
        n_label_maps: How many cases have each label map.
        structures: By label map name and structure.
        classes: Cases of each class, by classification target; a case with several classes counts in each.
    """

    name: str
    layout: str
    n_cases: int
    n_subjects: int
    patterns: Mapping[str, int]
    n_label_maps: Mapping[str, int]
    images: Mapping[str, ImageSummary]
    structures: Mapping[str, Mapping[str, StructureSummary]]
    classes: Mapping[str, Mapping[str, int]]


def summarise(index: DatasetIndex, facts: Sequence[CaseFacts]) -> Summary:
    """Summarise a data set.

    Args:
        index: The cases.
        facts: Of every case of the index.
    """
    images = {name: [case.images[name] for case in facts if name in case.images] for name in index.image_names}
    return Summary(
        name=index.name,
        layout=index.layout,
        n_cases=len(index.cases),
        n_subjects=len({case.subject_id for case in index.cases}),
        patterns=dict(Counter(" + ".join(sorted(case.images)) or "none" for case in index.cases).most_common()),
        n_label_maps={name: sum(name in case.label_maps for case in index.cases) for name in index.label_map_names},
        images={name: _summarise_image(found) for name, found in images.items() if found},
        structures={name: _summarise_structures(name, facts) for name in index.label_map_names},
        classes=class_counts([case.targets for case in index.cases]),
    )


def _summarise_image(images: Sequence[ImageFacts]) -> ImageSummary:
    usual_dims = Counter(image.grid.spatial_dims for image in images).most_common(1)[0][0]
    alike = [image for image in images if image.grid.spatial_dims == usual_dims]
    return ImageSummary(
        n_cases=len(alike),
        n_channels=dict(Counter(image.n_channels for image in alike).most_common()),
        orientations=dict(Counter(image.sampling.orientation for image in alike).most_common()),
        size_voxels=_spreads([image.sampling.size_voxels for image in alike]),
        spacing_mm=_spreads([image.sampling.spacing_mm for image in alike]),
        size_mm=_spreads([image.sampling.size_mm for image in alike]),
        intensity=Intensity.median_of([image.intensity[0] for image in alike if image.intensity]),
        foreground_intensity=Intensity.median_of(
            [image.foreground_intensity[0] for image in alike if image.foreground_intensity]
        ),
    )


def _spreads(cases: Sequence[Sequence[float]]) -> tuple[Spread, ...]:
    return tuple(Spread.of(values) for values in zip(*cases, strict=True))


def _summarise_structures(name: str, facts: Sequence[CaseFacts]) -> dict[str, StructureSummary]:
    label_maps = [case.label_maps[name] for case in facts if name in case.label_maps]
    structures = dict.fromkeys(structure for label_map in label_maps for structure in label_map.voxels)
    summaries = {}
    for structure in structures:
        having = [label_map for label_map in label_maps if label_map.voxels.get(structure, 0) > 0]
        summaries[structure] = StructureSummary(
            n_cases=len(having),
            n_label_maps=len(label_maps),
            voxels=Spread.of([label_map.voxels[structure] for label_map in having]) if having else None,
            volume_ml=Spread.of([label_map.volume_ml[structure] for label_map in having]) if having else None,
            unit=label_maps[0].unit,
        )
    return summaries
