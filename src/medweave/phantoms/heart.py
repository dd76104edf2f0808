"""A synthetic study of the left atrium in MRI, in the layout of the Medical Segmentation Decathlon.

Every chamber and vessel holds blood of the same brightness, so a model must learn shape and place to tell the left
atrium from the others. Cases differ in anatomy, pose, field of view, voxel size, axes of the file, coil shading,
gain and noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import UsageError
from medweave.core.files import write_json
from medweave.phantoms.scanner import image_on_grid, magnitude_image
from medweave.phantoms.shapes import Array, ellipsoid, smooth_union, tube

STRUCTURE = "left atrium"
FIELD_OF_VIEW_MM = (172.0, 172.0, 124.0)
#: Directions in which the three array axes of a file grow; LAS is left-handed, as many radiological files are.
ORIENTATIONS = ("RAS", "LPS", "ASR", "LAS", "PIR", "SAL")
TOWARDS = {"L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}

# Brightness relative to blood, roughly as in a balanced steady-state sequence with fat suppression.
AIR = 0.0
LUNG = 0.06
DISC = 0.10
MUSCLE = 0.20
BONE = 0.26
FAT = 0.30
LIVER = 0.33
MYOCARDIUM = 0.42
SPINAL_FLUID = 0.70
BLOOD = 1.0


@dataclass(frozen=True)
class _Tissue:
    """A body and its brightness; later tissues are painted over earlier ones."""

    distance: Array
    brightness: float


@dataclass(frozen=True)
class _Variation:
    """The individual differences of one subject."""

    rng: np.random.Generator

    def place(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        """Return the position, up to a few millimetres."""
        moved = np.array([x, y, z]) + self.rng.normal(0, 1.5, 3)
        return float(moved[0]), float(moved[1]), float(moved[2])

    def sized(self, *lengths: float) -> tuple[float, ...]:
        """Return the lengths, all changed by one factor."""
        factor = self.rng.uniform(0.9, 1.1)
        return tuple(factor * length for length in lengths)

    def blood(self) -> float:
        """Return the brightness of blood in one chamber or vessel."""
        return BLOOD * float(self.rng.uniform(0.93, 1.05))


def write_heart_study(
    root: Path, *, n_cases: int, seed: int = 0, size_voxels: tuple[int, int, int] = (64, 64, 40)
) -> None:
    """Write dataset.json, imagesTr (int16) and labelsTr (uint8: 1 is the left atrium).

    The same arguments always give the same study, and a larger `n_cases` only adds cases.

    Args:
        root: Folder to write to; created where absent.
        n_cases: Cases to write, at least 1.
        seed: Seed of the study.
        size_voxels: Typical number of voxels from right to left, front to back and foot to head; each case varies
            around it. The field of view does not depend on it, so fewer voxels are larger ones.

    Raises:
        UsageError: `n_cases` or a size is too small.
    """
    if n_cases < 1 or min(size_voxels) < 8:
        raise UsageError(
            "the phantom study is too small", got=f"{n_cases} cases of {size_voxels}", wanted="1 case, 8 voxels an axis"
        )
    names = [f"heart_{number:03d}.nii.gz" for number in range(n_cases)]
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        image, label_map = draw_heart(np.random.default_rng([seed, number]), size_voxels=size_voxels)
        sitk.WriteImage(image, root / "imagesTr" / name)
        sitk.WriteImage(label_map, root / "labelsTr" / name)
    write_json(
        root / "dataset.json",
        {
            "name": "HeartPhantom",
            "description": "Synthetic left atrium segmentation",
            "tensorImageSize": "3D",
            "modality": {"0": "MRI"},
            "labels": {"0": "background", "1": STRUCTURE},
            "numTraining": n_cases,
            "numTest": 0,
            "training": [{"image": f"./imagesTr/{name}", "label": f"./labelsTr/{name}"} for name in names],
            "test": [],
        },
    )


def draw_heart(rng: np.random.Generator, *, size_voxels: tuple[int, int, int]) -> tuple[sitk.Image, sitk.Image]:
    """Return one subject's image (int16) and left atrium label map (uint8).

    Args:
        rng: Source of everything that varies.
        size_voxels: Typical size, as in `write_heart_study`.
    """
    grid = _grid(rng, size_voxels)
    points = _subject_points(_positions(grid), rng)
    tissues, atrium = _thorax(points, rng)
    edge_mm = float(np.mean(grid.GetSpacing()))
    brightness = np.zeros(points.shape[1:], dtype=np.float32)
    for tissue in tissues:
        share = np.clip(0.5 - tissue.distance / edge_mm, 0, 1)
        brightness += share * (tissue.brightness - brightness)
    scanned = magnitude_image(brightness, points, rng)
    return image_on_grid(scanned, grid), image_on_grid((atrium < 0).astype(np.uint8), grid)


def _grid(rng: np.random.Generator, size_voxels: Sequence[int]) -> sitk.Image:
    """Return an empty image that has the geometry of the file to be written."""
    field_of_view = np.array(FIELD_OF_VIEW_MM) * rng.uniform(0.97, 1.1, 3)
    typical_spacing = np.array(FIELD_OF_VIEW_MM) / size_voxels
    spacing = typical_spacing * np.array([rng.uniform(0.85, 1.12)] * 2 + [rng.uniform(0.85, 1.12)])
    size = np.rint(field_of_view / spacing).astype(int)
    letters = ORIENTATIONS[rng.integers(len(ORIENTATIONS))]
    tilt = _rotation(rng.normal(0, 4, 3) if rng.random() < 0.5 else np.zeros(3))
    columns = np.array([TOWARDS[letter] for letter in letters], dtype=float).T
    file_axes = np.abs(columns).argmax(axis=0)
    direction = tilt @ columns
    grid = sitk.Image(size[file_axes].tolist(), sitk.sitkUInt8)
    grid.SetSpacing(spacing[file_axes].tolist())
    grid.SetDirection(direction.ravel().tolist())
    table_position = rng.normal(0, 8, 3)
    grid.SetOrigin((table_position - direction @ ((size - 1) * spacing / 2)[file_axes]).tolist())
    return grid


def _positions(grid: sitk.Image) -> Array:
    """Return the position of every voxel centre in the LPS frame, (3, *size)."""
    direction = np.array(grid.GetDirection()).reshape(3, 3)
    steps = np.indices(grid.GetSize()) * np.reshape(grid.GetSpacing(), (3, 1, 1, 1))
    origin = np.reshape(grid.GetOrigin(), (3, 1, 1, 1))
    return np.asarray(np.einsum("ij,j...->i...", direction, steps) + origin, dtype=np.float32)


def _subject_points(positions: Array, rng: np.random.Generator) -> Array:
    """Carry positions into the average subject: undo this one's pose, stature and smooth differences of shape."""
    pose = _rotation(rng.normal(0, 7, 3))
    stature = rng.uniform(0.9, 1.08) * rng.uniform(0.95, 1.05, (3, 1, 1, 1))
    points = np.einsum("ij,j...->i...", pose, positions) / stature
    for _ in range(4):
        wave = rng.normal(0, 2 * np.pi / 110, 3)
        push = rng.normal(0, 1.6, (3, 1, 1, 1))
        points = points + push * np.sin(np.einsum("i,i...->...", wave, points) + rng.uniform(0, 2 * np.pi))
    return np.asarray(points, dtype=np.float32)


def _thorax(points: Array, rng: np.random.Generator) -> tuple[list[_Tissue], Array]:
    """Return the tissues in the order of painting, and the distance to the left atrium as it is labelled.

    Millimetres from the middle of the heart: x to the left, y to the back, z to the head.
    """
    variation = _Variation(rng)
    atrium, drawn_atrium = _left_atrium(points, variation)
    tissues = [
        *_chest(points, variation),
        *_right_heart(points, variation),
        *_left_ventricle(points, variation),
        *_great_vessels(points, variation),
        _Tissue(drawn_atrium - 2.0, MYOCARDIUM),
        _Tissue(drawn_atrium, variation.blood()),
    ]
    return tissues, atrium


def _chest(points: Array, variation: _Variation) -> list[_Tissue]:
    body_radii = variation.sized(152, 104, np.inf)
    body = ellipsoid(points, (0, 14, 0), radii=body_radii)
    heart = ellipsoid(points, (14, -14, -8), radii=(66, 52, 60), axis=(0.62, -0.55, -0.52))
    mediastinum = tube(points, [(0, -20, 20), (0, -5, 150)], radii=(42, 30))
    lungs = np.minimum(
        ellipsoid(points, variation.place(72, 10, 25), radii=(58, 78, 118)),
        ellipsoid(points, variation.place(-72, 10, 30), radii=(58, 78, 112)),
    )
    heart_space = np.minimum(heart - 5, mediastinum)
    lungs = np.maximum(lungs, -heart_space)
    vertebra_phase = np.cos(2 * np.pi * points[2] / 27)
    spine = tube(points, [(0, 66, -200), (0, 70, 0), (0, 60, 200)], radii=(18, 17, 15))
    return [
        _Tissue(body, FAT),
        _Tissue(body + 9, MUSCLE),
        _Tissue(lungs, LUNG),
        *_lung_vessels(points, lungs, variation),
        _Tissue(heart_space, FAT),
        _Tissue(ellipsoid(points, variation.place(-48, -5, -120), radii=(88, 78, 62)), LIVER),
        _Tissue(ellipsoid(points, variation.place(62, 5, -122), radii=(50, 60, 48)), MUSCLE),
        _Tissue(spine, BONE),
        _Tissue(np.maximum(spine, 5 * (vertebra_phase + 0.8)), DISC),
        _Tissue(tube(points, [(0, 92, -200), (0, 95, 0), (0, 86, 200)], radii=(8, 8, 8)), SPINAL_FLUID),
        _Tissue(tube(points, [(-2, -78, -40), (0, -72, 100)], radii=(9, 9)), BONE),
        _Tissue(tube(points, [(4, 44, -150), (2, 44, 150)], radii=(6, 6)), MUSCLE),
        _Tissue(tube(points, [(0, 28, 62), (0, 24, 150)], radii=(9, 9)), AIR),
    ]


def _lung_vessels(points: Array, lungs: Array, variation: _Variation) -> list[_Tissue]:
    """Scatter branches from each lung root, so that bright spots lie outside the heart as well."""
    branches = []
    for side in (-1, 1) * 7:
        root = (side * 34.0, 22.0, 18.0)
        reach = variation.rng.normal((side * 48, 8, 0), (14, 26, 40))
        branches.append(tube(points, [root, np.add(root, reach).tolist()], radii=(4.0, 1.2)))
    return [_Tissue(np.maximum(np.minimum.reduce(branches), lungs), 0.8 * BLOOD)]


def _right_heart(points: Array, variation: _Variation) -> list[_Tissue]:
    ventricle = ellipsoid(
        points, variation.place(8, -42, -22), radii=variation.sized(46, 22, 33), axis=(0.75, -0.25, -0.6)
    )
    atrium = ellipsoid(points, variation.place(-36, -12, -8), radii=variation.sized(22, 24, 30))
    trunk = tube(points, [variation.place(10, -50, 2), variation.place(14, -34, 34)], radii=(14, 12))
    ventricle = smooth_union(ventricle, trunk, blend_mm=8)
    veins = np.minimum(
        tube(points, [(-34, -8, 5), variation.place(-30, -2, 55), (-28, -8, 150)], radii=(9, 8, 8)),
        tube(points, [(-32, 0, -20), variation.place(-30, 14, -60), (-26, 26, -150)], radii=(12, 11, 11)),
    )
    both = np.minimum(np.minimum(ventricle, atrium), veins)
    # The tricuspid ring parts the two chambers.
    ring = np.maximum(np.abs(ventricle - atrium) - 1.5, both)
    return [
        _Tissue(both - 3.0, MYOCARDIUM),
        _Tissue(ventricle, variation.blood()),
        _Tissue(np.minimum(atrium, veins), variation.blood()),
        _Tissue(ring, 0.8 * BLOOD),
    ]


def _left_ventricle(points: Array, variation: _Variation) -> list[_Tissue]:
    center, axis = variation.place(40, -22, -22), (0.66, -0.52, -0.54)
    cavity_radii = variation.sized(38, 20, 21)
    wall_mm = float(variation.rng.uniform(8, 12))
    cavity = ellipsoid(points, center, radii=cavity_radii, axis=axis)
    papillary_muscles = []
    for side in (-1, 1):
        foot = np.add(center, (18, -8 * side, -14 + 7 * side)).tolist()
        tip = np.add(center, (2, -9 * side, 9 * side)).tolist()
        papillary_muscles.append(tube(points, [foot, tip], radii=(4.0, 3.0)))
    return [
        _Tissue(cavity - wall_mm, MYOCARDIUM),
        _Tissue(cavity, variation.blood()),
        _Tissue(np.maximum(np.minimum(*papillary_muscles), cavity), MYOCARDIUM),
    ]


def _great_vessels(points: Array, variation: _Variation) -> list[_Tissue]:
    arch = [(6, -14, 4), variation.place(-12, -24, 38), (-6, -6, 68), (16, 28, 72), variation.place(24, 44, 50)]
    aorta = np.minimum(
        tube(points, arch, radii=(14, 14, 13, 12, 12)),
        tube(points, [arch[-1], variation.place(24, 48, 0), (14, 50, -150)], radii=(12, 11, 10)),
    )
    arteries = np.minimum(
        tube(points, [(14, -34, 34), variation.place(16, -2, 48), (56, 20, 46)], radii=(12, 11, 8)),
        tube(points, [variation.place(16, -2, 48), (-14, 4, 46), (-58, 14, 42)], radii=(11, 9, 8)),
    )
    return [
        _Tissue(arteries - 1.5, MYOCARDIUM),
        _Tissue(arteries, variation.blood()),
        _Tissue(aorta - 2.0, MYOCARDIUM),
        _Tissue(aorta, variation.blood()),
    ]


def _left_atrium(points: Array, variation: _Variation) -> tuple[Array, Array]:
    """Return the distances to the labelled atrium (with short stubs of its veins) and to the drawn one."""
    body = ellipsoid(points, variation.place(0, 18, 8), radii=variation.sized(32, 19, 25))
    front = ellipsoid(points, variation.place(12, 6, 0), radii=variation.sized(21, 17, 20))
    body = smooth_union(body, front, blend_mm=10)
    appendage = tube(points, [(24, 8, 16), variation.place(44, -2, 20), variation.place(52, -18, 16)], radii=(9, 8, 5))
    body = smooth_union(body, appendage, blend_mm=6)
    stubs, veins = body, body
    for start, end in (
        ((22, 22, 20), (64, 30, 38)),
        ((24, 26, -2), (62, 42, -14)),
        ((-22, 20, 20), (-62, 22, 36)),
        ((-22, 26, 0), (-60, 40, -14)),
    ):
        reached = variation.place(*end)
        stub_end = tuple(first + 0.4 * (last - first) for first, last in zip(start, reached, strict=True))
        radius = float(variation.rng.uniform(6.5, 8.5))
        stubs = smooth_union(stubs, tube(points, [start, stub_end], radii=(radius, radius)), blend_mm=8)
        veins = smooth_union(veins, tube(points, [start, stub_end, reached], radii=(radius, radius, 4)), blend_mm=8)
    return stubs, veins


def _rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    transform = sitk.Euler3DTransform()
    transform.SetRotation(*np.radians(degrees).tolist())
    return np.array(transform.GetMatrix()).reshape(3, 3)
