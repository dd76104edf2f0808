"""The range of intensities and sampling that an input had in training, and how a new one differs from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.sampling import Sampling
from medweave.inference.gate.warning import InputWarning
from medweave.preprocessing.geometry import Grid
from medweave.preprocessing.pipeline import Preprocessor

#: Share of the voxels below each intensity that is compared.
QUANTILES = (0.01, 0.5, 0.99)
QUANTILE_NAMES = ("1st percentile", "median", "99th percentile")
#: Voxels at most that quantiles are taken of, evenly chosen.
MAX_VOXELS = 2**18
#: How far beyond the training images an intensity may lie, in widths (99th minus 1st percentile) of theirs.
INTENSITY_SLACK = 0.25
#: The factor that a spacing or size may lie beyond the training images'.
SAMPLING_SLACK = 1.5


@dataclass(frozen=True)
class Appearance:
    """One input of one case, before it is normalised.

    Attributes:
        intensity: QUANTILES of each channel, (channels, 3).
        sampling: With the axes that the Preprocessor gives it.
        orientation: Letters that the file's axes run towards; "" in 2D, and where the Preprocessor reorients.
    """

    intensity: NDArray[np.float64]
    sampling: Sampling
    orientation: str

    @classmethod
    def of(cls, channels: Sequence[sitk.Image], preprocessor: Preprocessor) -> "Appearance":
        """Return the appearance of what a Preprocessor is given."""
        sampling = Sampling.of(Grid.of(channels[0]))
        return cls(
            np.stack([_quantiles(channel) for channel in channels]),
            sampling.towards(preprocessor.orientation),
            sampling.orientation if preprocessor.orientation is None else "",
        )


@dataclass(frozen=True)
class TrainingAppearance:
    """One input of the training cases; each array holds the least and the greatest over the cases in its last axis.

    Attributes:
        n_cases: Number of cases.
        intensity: (channels, 3, 2), of QUANTILES.
        width: (channels,) median over the cases of the 99th minus the 1st percentile.
        spacing_mm: (axes, 2).
        size_mm: (axes, 2).
        aspect: (axes, 2), extents divided by their geometric mean.
        orientations: That occurred.
        is_resized: Whether the Preprocessor stretches every image to one size, so that its extent is of no matter.
    """

    n_cases: int
    intensity: NDArray[np.float64]
    width: NDArray[np.float64]
    spacing_mm: NDArray[np.float64]
    size_mm: NDArray[np.float64]
    aspect: NDArray[np.float64]
    orientations: tuple[str, ...]
    is_resized: bool

    @classmethod
    def of(cls, cases: Sequence[Appearance], *, is_resized: bool) -> "TrainingAppearance":
        """Return what at least one training case shows."""
        intensity = np.stack([case.intensity for case in cases])
        return cls(
            n_cases=len(cases),
            intensity=_range(intensity),
            width=np.median(intensity[..., 2] - intensity[..., 0], axis=0),
            spacing_mm=_range(np.array([case.sampling.spacing_mm for case in cases])),
            size_mm=_range(np.array([case.sampling.size_mm for case in cases])),
            aspect=_range(np.array([_aspect(case.sampling.size_mm) for case in cases])),
            orientations=tuple(sorted({case.orientation for case in cases})),
            is_resized=is_resized,
        )

    @classmethod
    def joined(cls, parts: "Sequence[TrainingAppearance]") -> "TrainingAppearance":
        """Return what the training cases of several networks show together."""

        def widest(name: str) -> NDArray[np.float64]:
            values = np.stack([getattr(part, name) for part in parts])
            return np.stack([values[..., 0].min(axis=0), values[..., 1].max(axis=0)], axis=-1)

        return cls(
            n_cases=max(part.n_cases for part in parts),
            intensity=widest("intensity"),
            width=np.median([part.width for part in parts], axis=0),
            spacing_mm=widest("spacing_mm"),
            size_mm=widest("size_mm"),
            aspect=widest("aspect"),
            orientations=tuple(sorted({letters for part in parts for letters in part.orientations})),
            is_resized=parts[0].is_resized,
        )

    def warnings(self, input_name: str, found: Appearance) -> list[InputWarning]:
        """Say in what a new case differs from the training cases."""
        differences = [*self._of_intensity(found), *self._of_sampling(found)]
        return [InputWarning(code, input_name, message) for code, message in differences]

    def _of_intensity(self, found: Appearance) -> Iterator[tuple[str, str]]:
        slack = INTENSITY_SLACK * self.width[:, None]
        low, high = self.intensity[..., 0] - slack, self.intensity[..., 1] + slack
        for channel, position in np.argwhere((found.intensity < low) | (found.intensity > high)).tolist():
            least, greatest = self.intensity[channel, position]
            of_channel = f" of channel {channel + 1}" if len(self.width) > 1 else ""
            yield (
                "intensity",
                f"the {QUANTILE_NAMES[position]}{of_channel} is {found.intensity[channel, position]:.4g}, "
                f"of the training images {least:.4g} to {greatest:.4g}",
            )
            return  # the first says enough

    def _of_sampling(self, found: Appearance) -> Iterator[tuple[str, str]]:
        size_mm = found.sampling.size_mm
        if self.is_resized:
            yield from _beyond("size", "shape (extent by the mean extent)", _aspect(size_mm), self.aspect)
            smallest = self.size_mm[:, 0].min()
            if min(size_mm) < smallest / 2:
                yield "size", f"the shorter side is {min(size_mm):g}, of the training images at least {smallest:g}"
        else:
            yield from _beyond("spacing", "spacing in mm", found.sampling.spacing_mm, self.spacing_mm)
            yield from _beyond("size", "extent in mm", size_mm, self.size_mm)
        if found.orientation not in self.orientations:
            wanted = ", ".join(self.orientations)
            yield "orientation", f"the axes run towards {found.orientation}, of the training images towards {wanted}"

    def to_json(self) -> dict[str, Any]:
        """Return the ranges as plain JSON values."""
        arrays = {
            name: getattr(self, name).tolist() for name in ("intensity", "width", "spacing_mm", "size_mm", "aspect")
        }
        return {
            "n_cases": self.n_cases,
            **arrays,
            "orientations": list(self.orientations),
            "is_resized": self.is_resized,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "TrainingAppearance":
        """Build what `to_json` described."""
        arrays = {
            name: np.array(content[name], float) for name in ("intensity", "width", "spacing_mm", "size_mm", "aspect")
        }
        return cls(
            n_cases=int(content["n_cases"]),
            **arrays,
            orientations=tuple(content["orientations"]),
            is_resized=bool(content["is_resized"]),
        )


def _quantiles(channel: sitk.Image) -> NDArray[np.float64]:
    values = sitk.GetArrayViewFromImage(channel).reshape(-1)
    chosen = values[:: max(len(values) // MAX_VOXELS, 1)].astype(np.float64)
    with np.errstate(invalid="ignore"):  # between infinities; the Preprocessor refuses them
        quantiles: NDArray[np.float64] = np.quantile(chosen, QUANTILES)
    return quantiles


def _aspect(size_mm: Sequence[float]) -> tuple[float, ...]:
    return tuple((np.array(size_mm) / np.exp(np.log(size_mm).mean())).tolist())


def _range(of_cases: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([of_cases.min(axis=0), of_cases.max(axis=0)], axis=-1)


def _beyond(code: str, words: str, found: Sequence[float], trained: NDArray[np.float64]) -> Iterator[tuple[str, str]]:
    values = np.array(found)
    if ((values < trained[:, 0] / SAMPLING_SLACK) | (values > trained[:, 1] * SAMPLING_SLACK)).any():
        least, greatest = (" x ".join(f"{value:.3g}" for value in trained[:, end]) for end in (0, 1))
        yield code, f"the {words} is {' x '.join(f'{value:.3g}' for value in found)}, trained on {least} to {greatest}"
