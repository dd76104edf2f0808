"""What the files of a case hold, as plain facts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

from medweave.data.finding import Finding
from medweave.data.sampling import Sampling
from medweave.preprocessing.geometry import Grid

PERCENTILES = (0.5, 1.0, 50.0, 99.0, 99.5)
HISTOGRAM_BINS = 64
#: Values that are widened to double precision at a time.
CHUNK = 2**18

#: Arrays that are lists in JSON.
Counts = Annotated[
    NDArray[np.int64],
    PlainValidator(lambda content: np.asarray(content, np.int64)),
    PlainSerializer(lambda array: array.tolist()),
]
Cells = Annotated[
    NDArray[np.float32],
    PlainValidator(lambda content: np.asarray(content, np.float32)),
    PlainSerializer(lambda array: array.tolist()),
]


@dataclass(frozen=True)
class Intensity:
    """Statistics of the finite values of one image channel."""

    minimum: float
    maximum: float
    mean: float
    std: float
    p00_5: float
    p01: float
    p50: float
    p99: float
    p99_5: float

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Intensity":
        """Return the statistics of at least one finite value."""
        mean = float(values.mean(dtype=np.float64))
        return cls(
            float(values.min()),
            float(values.max()),
            mean,
            _deviation(values, mean),
            *(float(value) for value in np.percentile(values, PERCENTILES)),
        )

    @classmethod
    def median_of(cls, cases: "Sequence[Intensity]") -> "Intensity | None":
        """Return each number's median over the cases, or None without a case."""
        if not cases:
            return None
        return cls(*np.median([astuple(case) for case in cases], axis=0).tolist())


@dataclass(frozen=True)
class Histogram:
    """Voxel counts in equal bins.

    Attributes:
        low: Lower edge of the first bin.
        high: Upper edge of the last bin.
        counts: Voxels in each bin.
    """

    low: float
    high: float
    counts: Counts

    @classmethod
    def of(cls, values: NDArray[np.float32], *, low: float, high: float) -> "Histogram":
        """Count the values from `low` to `high`."""
        counts, _ = np.histogram(values, bins=HISTOGRAM_BINS, range=(low, high))
        return cls(low, high, counts)


@dataclass(frozen=True)
class ImageFacts:
    """What one image file holds.

    Attributes:
        path: The file.
        grid: Its voxel grid.
        n_channels: Number of channels; 1 for a picture whose colours are all grey.
        pixel_type: As the file stores it, such as "8-bit unsigned integer".
        intensity: Statistics of each channel; none where no value is finite.
        foreground_intensity: The same within the labelled voxels; none without a label map on the same voxels.
        sha256: Of the decoded voxels, the size and the spacing: equal for equal content in any file format.
        perceptual_hashes: Of the three middle planes of the first channel (one of a 2D image), 64 bits each, as
            hexadecimal text.
        thumbnail: First channel in 16 cells along each axis, flattened, with mean 0 and length 1. Not in `to_json`.
        histogram: Of the first channel, from the 0.5th to the 99.5th percentile of the image or of its labelled
            voxels, whichever lies further out. Not in `to_json`.
        foreground_histogram: The same within the labelled voxels, or None. Not in `to_json`.
    """

    path: Path
    grid: Grid
    n_channels: int
    pixel_type: str
    intensity: tuple[Intensity, ...]
    foreground_intensity: tuple[Intensity, ...]
    sha256: str
    perceptual_hashes: tuple[str, ...]
    thumbnail: Cells = field(repr=False, compare=False)
    histogram: Histogram = field(repr=False, compare=False)
    foreground_histogram: Histogram | None = field(repr=False, compare=False)

    @property
    def sampling(self) -> Sampling:
        """Size, spacing and axis order."""
        return Sampling.of(self.grid)


@dataclass(frozen=True)
class LabelMapFacts:
    """What one label map file holds.

    Attributes:
        path: The file.
        grid: Its voxel grid.
        voxels: Voxels of each structure of the schema; without a schema, of each label found, named by its number.
        volume_ml: The same in millilitres (2D: square centimetres).
        n_background_voxels: Voxels with label 0.
        sha256: Of the labels, the size and the spacing.
        unread: Labels that no head of a recipe reads, where a recipe alone names the structures.
    """

    path: Path
    grid: Grid
    voxels: Mapping[str, int]
    volume_ml: Mapping[str, float]
    n_background_voxels: int
    sha256: str
    unread: tuple[int, ...] = ()

    @property
    def unit(self) -> str:
        """Unit of the volumes."""
        return self.grid.volume_unit


@dataclass(frozen=True)
class CaseFacts:
    """What the files of one case hold; a file that cannot be read has a finding instead of facts.

    Attributes:
        case_id: The case.
        subject_id: Its subject.
        targets: Class of each classification target.
        images: Facts of each image that could be read.
        label_maps: Facts of each label map that could be read.
        findings: What is wrong with this case by itself.
        attributes: Its other facts, as the index has them.
    """

    case_id: str
    subject_id: str
    targets: Mapping[str, str]
    images: Mapping[str, ImageFacts]
    label_maps: Mapping[str, LabelMapFacts]
    findings: tuple[Finding, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain JSON values, without the arrays, which are for the audit alone."""
        return {
            "case_id": self.case_id,
            "subject_id": self.subject_id,
            "targets": dict(self.targets),
            "attributes": dict(self.attributes),
            "images": {name: _image_to_json(facts) for name, facts in self.images.items()},
            "label_maps": {
                name: asdict(facts) | {"path": facts.path.as_posix()} for name, facts in self.label_maps.items()
            },
            "findings": [finding.to_json() for finding in self.findings],
        }


def _deviation(values: NDArray[np.float32], mean: float) -> float:
    """Return the standard deviation in double precision, without a second array of all values in it."""
    flat = values.reshape(-1)
    parts = (flat[start : start + CHUNK] - np.float64(mean) for start in range(0, flat.size, CHUNK))
    return math.sqrt(sum(float(part @ part) for part in parts) / flat.size)


def _image_to_json(facts: ImageFacts) -> dict[str, Any]:
    return {
        "path": facts.path.as_posix(),
        "grid": asdict(facts.grid),
        "orientation": facts.sampling.orientation,
        "n_channels": facts.n_channels,
        "pixel_type": facts.pixel_type,
        "intensity": [asdict(channel) for channel in facts.intensity],
        "foreground_intensity": [asdict(channel) for channel in facts.foreground_intensity],
        "sha256": facts.sha256,
        "perceptual_hashes": list(facts.perceptual_hashes),
    }
