"""A synthetic study of the beating heart in short-axis cine MRI, in the layout of ACDC.

Five diagnoses differ in physiology (`medweave.phantoms.physiology`): what a heart holds when filled, what it ejects,
and how thick its walls are and become. End-diastole alone does not tell them apart, nor does end-systole. Slices are
thick; above the base, whose plane comes down as the heart contracts, the atria go on as bright as the ventricles.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import UsageError
from medweave.core.files import write_text
from medweave.phantoms.physiology import ANGLES, DIAGNOSES, Diagnosis, Floats, Heart, draw_heart
from medweave.phantoms.scanner import image_on_grid, magnitude_image
from medweave.phantoms.shapes import Array, ellipsoid
from medweave.phantoms.ventricles import Ventricles, apex_mm, filled_and_emptied

STRUCTURES = {"rv": 1, "myocardium": 2, "lv": 3}
FIELD_OF_VIEW_MM = 156.0
#: Parts of a slice that are drawn and averaged, so that what a slice cuts obliquely is blurred.
PARTS_OF_A_SLICE = 3
ATRIAL_WALL_MM = 2.5
RIGHT_WALL_MM = 3.0
PERICARDIAL_FAT_MM = 5.0

# Brightness relative to blood, roughly as in a balanced steady-state sequence.
LUNG = 0.07
MYOCARDIUM = 0.28
MUSCLE = 0.25
SPLEEN = 0.36
LIVER = 0.42
FAT = 0.72
BLOOD = 1.0


@dataclass(frozen=True)
class BeatingHeart:
    """One examination.

    Attributes:
        heart: The subject's physiology.
        images: Image (int16) at end-diastole and at end-systole.
        label_maps: Label map (uint8, `STRUCTURES`) of each.
        end_systole: Number of the end-systolic frame; the first is end-diastole.
        n_frames: Frames of the beat that the two are taken from.
    """

    heart: Heart
    images: tuple[sitk.Image, sitk.Image]
    label_maps: tuple[sitk.Image, sitk.Image]
    end_systole: int
    n_frames: int


def write_cardiac_study(root: Path, *, n_cases: int, seed: int = 0, size_voxels: tuple[int, int] = (96, 96)) -> None:
    """Write a folder patientNNN a case: Info.cfg, the end-diastolic and the end-systolic frame and their label maps.

    Diagnoses take turns. The same arguments always give the same study, and a larger `n_cases` only adds cases.

    Args:
        root: Folder to write to; created where absent.
        n_cases: Cases to write, at least 1.
        seed: Seed of the study.
        size_voxels: Typical size of a slice; the field of view does not depend on it. There are about ten slices.

    Raises:
        UsageError: `n_cases` or a size is too small.
    """
    if n_cases < 1 or min(size_voxels) < 16:
        raise UsageError(
            "the phantom study is too small",
            got=f"{n_cases} cases of {size_voxels}",
            wanted="1 case, 16 voxels an axis",
        )
    for number in range(n_cases):
        diagnosis = DIAGNOSES[number % len(DIAGNOSES)]
        drawn = draw_beating_heart(diagnosis, np.random.default_rng([seed, number]), size_voxels=size_voxels)
        _write_case(root / f"patient{number + 1:03d}", drawn)


def _write_case(folder: Path, drawn: BeatingHeart) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    facts = {
        "ED": 1,
        "ES": drawn.end_systole,
        "Group": drawn.heart.diagnosis,
        "Height": f"{drawn.heart.height_cm:.1f}",
        "NbFrame": drawn.n_frames,
        "Weight": f"{drawn.heart.weight_kg:.1f}",
    }
    write_text(folder / "Info.cfg", "".join(f"{key}: {value}\n" for key, value in facts.items()))
    for frame, image, label_map in zip((1, drawn.end_systole), drawn.images, drawn.label_maps, strict=True):
        name = f"{folder.name}_frame{frame:02d}"
        sitk.WriteImage(image, folder / f"{name}.nii.gz")
        sitk.WriteImage(label_map, folder / f"{name}_gt.nii.gz")


def draw_beating_heart(diagnosis: Diagnosis, rng: np.random.Generator, *, size_voxels: tuple[int, int]) -> BeatingHeart:
    """Draw one subject at end-diastole and end-systole.

    Args:
        diagnosis: What the subject has.
        rng: Source of everything that varies.
        size_voxels: Typical size of a slice, as in `write_cardiac_study`.
    """
    heart = draw_heart(diagnosis, rng)
    grid, slices_mm = _grid(heart, rng, size_voxels)
    thickness_mm = grid.GetSpacing()[2]
    phases = filled_and_emptied(heart, slices_mm, slice_thickness_mm=thickness_mm)
    # The heart lies obliquely in the stack, and each slice is another held breath.
    tilt = rng.normal(0, 0.06, (2, 1)) * (slices_mm - slices_mm.mean())
    centers_mm = _center(heart, phases[0], rng) + tilt + rng.normal(0, 0.7, (2, len(slices_mm)))
    points = _positions(grid)
    polar = _Polar.about(centers_mm, points)
    background = _chest(points, heart, rng)
    parts_mm = ((np.arange(PARTS_OF_A_SLICE) + 0.5) / PARTS_OF_A_SLICE - 0.5) * thickness_mm
    brightness = [
        np.mean(
            [_Beat(polar, phase, slices_mm + part).painted_on(background, grid.GetSpacing()[0]) for part in parts_mm],
            axis=0,
        )
        for phase in phases
    ]
    # One examination has one shading and one gain, so both frames pass the scanner together.
    scanned = magnitude_image(np.concatenate(brightness, axis=2), np.concatenate([points, points], axis=3), rng)
    images = [image_on_grid(array, grid) for array in np.split(scanned, 2, axis=2)]
    label_maps = [image_on_grid(_Beat(polar, phase, slices_mm).labels(), grid) for phase in phases]
    n_frames = int(rng.integers(24, 31))
    return BeatingHeart(
        heart,
        (images[0], images[1]),
        (label_maps[0], label_maps[1]),
        round(n_frames * rng.uniform(0.3, 0.42)),
        n_frames,
    )


def _grid(heart: Heart, rng: np.random.Generator, size_voxels: tuple[int, int]) -> tuple[sitk.Image, Floats]:
    """Return an empty image with the files' geometry, and the slices' distances from the end-diastolic base."""
    spacing = FIELD_OF_VIEW_MM / float(np.mean(size_voxels)) * rng.uniform(0.98, 1.1)
    size = np.rint(np.array(size_voxels) * rng.uniform(0.96, 1.08))
    thickness = float(rng.choice([9.0, 10.0]))
    slices_mm = np.arange(-rng.uniform(0, 1) * thickness, apex_mm(heart) + 0.5 * thickness, thickness)
    grid = sitk.Image([*size.astype(int).tolist(), len(slices_mm)], sitk.sitkUInt8)
    grid.SetSpacing((spacing, spacing, thickness))
    grid.SetOrigin(rng.normal(0, 20, 3).tolist())
    return grid, slices_mm


def _positions(grid: sitk.Image) -> Array:
    """Return positions about the middle of the image, (3, *size): x to the left, y to the back, z by slice."""
    size, spacing = np.reshape(grid.GetSize(), (3, 1, 1, 1)), np.reshape(grid.GetSpacing(), (3, 1, 1, 1))
    return np.asarray((np.indices(grid.GetSize()) - (size - 1) / 2) * spacing, dtype=np.float32)


def _center(heart: Heart, filled: Ventricles, rng: np.random.Generator) -> Floats:
    """Place the left ventricle so that both together lie about the middle, (2, 1)."""
    towards_right = np.array([[np.cos(heart.septum_radians)], [np.sin(heart.septum_radians)]])
    return np.asarray(-towards_right * filled.right_mm.max() / 2 + rng.normal(0, 4, (2, 1)))


def _chest(points: Array, heart: Heart, rng: np.random.Generator) -> Array:
    """Return the brightness around the heart, which does not beat."""
    girth = np.sqrt(heart.weight_kg / heart.height_cm / 0.42)

    def oval(x: float, y: float, *radii: float) -> Array:
        center = np.append(np.array([x, y]) * girth + rng.normal(0, 4, 2), 0)
        return ellipsoid(points, center.tolist(), radii=[*(np.array(radii) * rng.uniform(0.93, 1.07)), np.inf])

    wall = oval(0, 8, 92 * girth, 84 * girth)
    edge_mm = float(points[0, 1, 0, 0] - points[0, 0, 0, 0])
    brightness = np.full(points.shape[1:], LUNG, dtype=np.float32)
    for distance, tissue in (
        (oval(-40, 62, 62, 36), LIVER),
        (oval(48, 66, 44, 30), SPLEEN),
        (oval(46, 46, 14, 14), MUSCLE),
        (oval(46, 46, 11, 11), BLOOD),
        (-wall - 14, MUSCLE),
        (-wall - 6, FAT),
        (-wall + 8, LUNG / 2),
    ):
        _paint(brightness, distance, tissue, edge_mm)
    return brightness


def _paint(brightness: Array, distance: Array, tissue: float, edge_mm: float) -> None:
    """Paint a body over what is there; voxels that its surface crosses are mixed."""
    brightness += np.clip(0.5 - distance / edge_mm, 0, 1) * (tissue - brightness)


@dataclass(frozen=True)
class _Polar:
    """Voxel centres about the left ventricle's long axis: distance in millimetres, and the nearest of `ANGLES`."""

    radius_mm: Array
    angle: NDArray[np.intp]

    @classmethod
    def about(cls, centers_mm: Floats, points: Array) -> "_Polar":
        """Measure from the middle of each slice, (2, slices)."""
        x, y = points[:2] - centers_mm[:, np.newaxis, np.newaxis, :]
        turns = np.arctan2(y, x) / (2 * np.pi)
        return cls(np.hypot(x, y), np.rint(turns * len(ANGLES)).astype(np.intp) % len(ANGLES))


class _Beat:
    """Where the outlines of the ventricles run in every slice at one moment."""

    def __init__(self, polar: _Polar, ventricles: Ventricles, along_mm: Floats) -> None:
        axis, angle = ventricles.axis, polar.angle
        self._radius = polar.radius_mm
        self._is_atrial = along_mm < axis.base_mm
        self._cavity = ventricles.cavity_mm[angle] * axis.cavity_taper(along_mm)
        wall = ventricles.wall_mm[angle] * axis.wall_taper(along_mm)
        self._right_width = ventricles.right_mm[angle] * axis.right_taper(along_mm)
        self._fat_mm = PERICARDIAL_FAT_MM * (1 + 0.8 * np.sin(ANGLES + 0.5))[angle]
        self._right = wall + self._right_width
        self._wall = np.where(self._is_atrial, self._cavity + ATRIAL_WALL_MM, wall)

    def painted_on(self, background: Array, edge_mm: float) -> Array:
        """Return the brightness with the heart in it."""
        brightness = background.copy()
        has_right = self._right_width > 0.5
        outside = np.maximum(np.where(has_right, self._right + RIGHT_WALL_MM, 0), self._wall)
        for radius, tissue in (
            (np.where(outside > 0, outside + self._fat_mm, 0), FAT),
            (np.where(has_right, self._right + RIGHT_WALL_MM, 0), MYOCARDIUM),
            (np.where(has_right, self._right, 0), BLOOD),
            (self._wall, MYOCARDIUM),
            (self._cavity, BLOOD),
        ):
            _paint(brightness, np.where(radius > 0, self._radius - radius, np.inf), tissue, edge_mm)
        return brightness

    def labels(self) -> NDArray[np.uint8]:
        """Return the label map; what lies above the base is background."""
        labels = np.zeros(self._radius.shape, dtype=np.uint8)
        labels[self._radius < self._right] = STRUCTURES["rv"]
        labels[self._radius < self._wall] = STRUCTURES["myocardium"]
        labels[self._radius < self._cavity] = STRUCTURES["lv"]
        labels[..., self._is_atrial] = 0
        return labels
