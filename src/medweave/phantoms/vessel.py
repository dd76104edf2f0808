"""A synthetic study of one plaque in three modalities: vessel-wall MRI in 3D, MRI and CT in 2D.

A plaque's burden has three parts, and each modality shows one of them: how much thicker the wall is on one side
(vessel-wall MRI), how much fresh haemorrhage it holds (MRI) and how much calcium (CT). The label asks for their sum, so
a modality alone leaves a doubt that the others settle. Some cases lack one modality or two: the file is absent.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import UsageError
from medweave.core.files import write_text
from medweave.phantoms.scanner import image_on_grid, magnitude_image
from medweave.phantoms.shapes import Array, ellipsoid, tube

MODALITIES = ("vw_mri", "regular_mri", "ct_scans")
#: Parts are drawn until their sum is at least this far from the border between the labels, in standard deviations.
MARGIN = 0.6
VOLUME_MM = (24.0, 24.0, 32.0)
PLANE_MM = 48.0
LUMEN_MM = 3.0
WALL_MM = 1.0

# Brightness relative to fat in MRI, Hounsfield units in CT.
MUSCLE, WALL, LUMEN, FRESH_BLOOD, FAT = 0.35, 0.85, 0.08, 1.0, 0.5
MUSCLE_HU, LUMEN_HU, FAT_HU, BONE_HU, CALCIUM_HU = 55.0, 45.0, -90.0, 260.0, 800.0


@dataclass(frozen=True)
class Plaque:
    """How severe each part of a plaque is, in standard deviations about its mean over subjects."""

    thickening: float
    haemorrhage: float
    calcium: float

    @property
    def is_severe(self) -> bool:
        """Whether the whole burden is above average: the label."""
        return self.thickening + self.haemorrhage + self.calcium > 0


def write_vessel_study(
    root: Path, *, n_cases: int, seed: int = 0, size_voxels: int = 48, share_incomplete: float = 0.3
) -> None:
    """Write vw_mri/NAME (3D), regular_mri/NAME, ct_scans/NAME (2D), all NIfTI, and labels.csv (filename, label).

    The file of a case has one name in the three folders. Labels take turns. The same arguments always give the same
    study, and a larger `n_cases` only adds cases.

    Args:
        root: Folder to write to; created where absent.
        n_cases: Cases to write, at least 1.
        seed: Seed of the study.
        size_voxels: Width and height of an image and slices of the volume; the field of view does not depend on it.
        share_incomplete: Share of the cases that lack one modality or two.

    Raises:
        UsageError: `n_cases` or the size is too small.
    """
    if n_cases < 1 or size_voxels < 16:
        raise UsageError(
            "the phantom study is too small",
            got=f"{n_cases} cases of {size_voxels} voxels",
            wanted="1 case, 16 voxels an axis",
        )
    for modality in MODALITIES:
        (root / modality).mkdir(parents=True, exist_ok=True)
    rows = []
    for number in range(n_cases):
        name, rng = f"case_{number + 1:03d}.nii.gz", np.random.default_rng([seed, number])
        plaque = draw_plaque(rng, is_severe=number % 2 == 1)
        n_absent = int(rng.integers(1, 3)) if rng.random() < share_incomplete else 0
        absent = rng.permutation(MODALITIES)[:n_absent]
        for modality, image in draw_modalities(plaque, rng, size_voxels=size_voxels).items():
            if modality not in absent:
                sitk.WriteImage(image, root / modality / name)
        rows.append((name, int(plaque.is_severe)))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("filename", "label"), *rows])
    write_text(root / "labels.csv", table.getvalue())


def draw_plaque(rng: np.random.Generator, *, is_severe: bool) -> Plaque:
    """Draw the parts of a plaque, independent but for their sum."""
    while True:
        plaque = Plaque(*np.clip(rng.normal(size=3), -2, 2).tolist())
        burden = plaque.thickening + plaque.haemorrhage + plaque.calcium
        if plaque.is_severe == is_severe and abs(burden) > MARGIN:
            return plaque


def draw_modalities(plaque: Plaque, rng: np.random.Generator, *, size_voxels: int) -> dict[str, sitk.Image]:
    """Return the image of each modality: int16, CT in Hounsfield units.

    Args:
        plaque: What to show.
        rng: Source of everything else: the vessel's course, the plaque's place, noise, gain.
        size_voxels: As in `write_vessel_study`.
    """
    return {
        "vw_mri": _vessel_wall_mri(plaque, rng, size_voxels),
        "regular_mri": _mri(plaque, rng, size_voxels),
        "ct_scans": _ct(plaque, rng, size_voxels),
    }


def _vessel_wall_mri(plaque: Plaque, rng: np.random.Generator, size_voxels: int) -> sitk.Image:
    """Black-blood MRI: a dark lumen in a bright wall, which a plaque thickens on one side."""
    grid = _grid([size_voxels, size_voxels, size_voxels // 2], VOLUME_MM)
    points = _positions(grid)
    course = [(*rng.normal(0, 1.2, 2), z) for z in (-20, 0, 20)]
    radii_mm = LUMEN_MM * rng.uniform(0.85, 1.15, 3)
    lumen = tube(points, course, radii=radii_mm.tolist())
    away = rng.uniform(0, 2 * np.pi)
    thickening_mm = 1.5 + 0.6 * plaque.thickening
    # The plaque is the wall's outside moved away from the lumen, over a stretch of the vessel.
    shift = np.array([np.cos(away), np.sin(away), 0]).reshape(3, 1, 1, 1) * thickening_mm / 2
    stretch = np.exp(-(((points[2] - rng.normal(0, 3)) / 8) ** 2))
    bulged = tube(points - shift * stretch, course, radii=(radii_mm + WALL_MM).tolist()) - stretch * thickening_mm / 2
    neighbour = ellipsoid(points, (*(9 * np.array([np.cos(away + 2), np.sin(away + 2)])), 0), radii=(2.5, 2.5, np.inf))
    tissues = ((neighbour - 0.8, WALL), (neighbour, LUMEN), (bulged, WALL), (lumen, LUMEN))
    return _mri_of(tissues, points, grid, rng)


def _mri(plaque: Plaque, rng: np.random.Generator, size_voxels: int) -> sitk.Image:
    """T1-weighted MRI of a cross-section: fresh blood in the plaque is bright."""
    grid = _grid([size_voxels, size_voxels], (PLANE_MM, PLANE_MM))
    points = _positions(grid)
    vessel, plaque_at = _cross_section(rng)
    radius_mm = 2.4 + 0.8 * plaque.haemorrhage
    tissues = (
        (_at(points, -vessel, radius_mm=11), MUSCLE),
        (_at(points, vessel, radius_mm=6), WALL * 0.5),
        (_at(points, plaque_at, radius_mm=radius_mm), FRESH_BLOOD),
        (_at(points, vessel, radius_mm=3), LUMEN),
    )
    return _mri_of(tissues, points, grid, rng)


def _ct(plaque: Plaque, rng: np.random.Generator, size_voxels: int) -> sitk.Image:
    """CT of a cross-section: specks of calcium in the plaque."""
    grid = _grid([size_voxels, size_voxels], (PLANE_MM, PLANE_MM))
    points = _positions(grid)
    vessel, plaque_at = _cross_section(rng)
    volume = 2 ** (1.2 * plaque.calcium)
    shares = rng.dirichlet([4] * int(rng.integers(2, 4)))
    specks = [
        (_at(points, plaque_at + rng.normal(0, 1.8, 2), radius_mm=2.2 * np.sqrt(volume * share)), CALCIUM_HU)
        for share in shares
    ]
    bone = _at(points, -1.4 * vessel + rng.normal(0, 2, 2), radius_mm=rng.uniform(4, 7))
    tissues = (
        (_at(points, -vessel, radius_mm=13), MUSCLE_HU),
        (_at(points, vessel, radius_mm=5), LUMEN_HU),
        (bone, BONE_HU * rng.uniform(0.8, 1.2)),
        *specks,
    )
    noisy = _painted(tissues, points, ground=FAT_HU) + rng.normal(0, 18, points.shape[1:])
    return _image(np.rint(noisy), grid)


def _cross_section(rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where in the plane the vessel and its plaque lie."""
    towards, beside = rng.uniform(0, 2 * np.pi, 2)
    vessel = rng.uniform(6, 10) * np.array([np.cos(towards), np.sin(towards)])
    return vessel, vessel + 4 * np.array([np.cos(beside), np.sin(beside)])


def _at(points: Array, center: NDArray[np.float64], *, radius_mm: float) -> Array:
    return ellipsoid(points, [*center.tolist(), 0], radii=(radius_mm, radius_mm, np.inf))


def _mri_of(
    tissues: tuple[tuple[Array, float], ...], points: Array, grid: sitk.Image, rng: np.random.Generator
) -> sitk.Image:
    return _image(magnitude_image(_painted(tissues, points, ground=FAT), points, rng), grid)


def _painted(tissues: tuple[tuple[Array, float], ...], points: Array, *, ground: float) -> Array:
    """Paint bodies one over the other; voxels that a surface crosses are mixed."""
    edge_mm = float(points[0, 1, 0, 0] - points[0, 0, 0, 0])
    painted = np.full(points.shape[1:], ground, dtype=np.float32)
    for distance, brightness in tissues:
        painted += np.clip(0.5 - distance / edge_mm, 0, 1) * (brightness - painted)
    return painted


def _grid(size: list[int], extent_mm: tuple[float, ...]) -> sitk.Image:
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([extent / n for extent, n in zip(extent_mm, size, strict=True)])
    return grid


def _positions(grid: sitk.Image) -> Array:
    """Return positions about the middle, (3, x, y, z); an image of two dimensions has one z, 0."""
    size, spacing = [*grid.GetSize(), 1][:3], [*grid.GetSpacing(), 1.0][:3]
    steps = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(size, spacing, strict=True)]
    return np.stack(np.meshgrid(*steps, indexing="ij")).astype(np.float32)


def _image(array: Array | NDArray[np.int16], grid: sitk.Image) -> sitk.Image:
    return image_on_grid(array.reshape(grid.GetSize()).astype(np.int16), grid)
