"""A synthetic study of chest radiographs: a folder a class with images and masks of the lungs.

Four classes differ in the pattern of opacities (`medweave.phantoms.lung_opacities`), not in brightness: exposure,
contrast and the depth of the breath vary more from image to image than an opacity changes the mean. A subject has one
class and up to three images.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from medweave.core.errors import UsageError
from medweave.core.files import write_text
from medweave.phantoms.lung_opacities import Disease, Mask, draw_opacity
from medweave.phantoms.shapes import Array, ellipsoid, smooth_union, tube

CLASSES: tuple[Disease, ...] = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")
FIELD_OF_VIEW_MM = 360.0
MOST_IMAGES_OF_A_SUBJECT = 3

Pixels = NDArray[np.uint8]


def write_chest_xray_study(
    root: Path, *, n_cases: int, seed: int = 0, size_pixels: int = 256, share_without_mask: float = 0.05
) -> None:
    """Write CLASS/images/NAME.png, CLASS/masks/NAME.png (0 and 255) and metadata.csv (file, class, patient_id).

    Classes take turns by subject. The same arguments always give the same study, and a larger `n_cases` only adds
    images.

    Args:
        root: Folder to write to; created where absent.
        n_cases: Images to write, at least 1.
        seed: Seed of the study.
        size_pixels: Width and height; the field of view does not depend on it.
        share_without_mask: Share of the images whose mask is left out.

    Raises:
        UsageError: `n_cases` or the size is too small.
    """
    if n_cases < 1 or size_pixels < 32:
        raise UsageError(
            "the phantom study is too small",
            got=f"{n_cases} images of {size_pixels} pixels",
            wanted="1 image, 32 pixels an axis",
        )
    for disease in CLASSES:
        for kind in ("images", "masks"):
            (root / disease / kind).mkdir(parents=True, exist_ok=True)
    counts: Counter[str] = Counter()
    rows = []
    for plan in _plans(n_cases, seed):
        counts[plan.disease] += 1
        name = f"{plan.disease}-{counts[plan.disease]}.png"
        rng = np.random.default_rng([seed, plan.subject, plan.repeat + 1])
        image, lungs = draw_radiograph(
            plan.disease, rng, anatomy=np.random.default_rng([seed, plan.subject]), size_pixels=size_pixels
        )
        folder = root / plan.disease
        _write_png(image, folder / "images" / name)
        if rng.random() >= share_without_mask:
            _write_png(lungs * np.uint8(255), folder / "masks" / name)
        rows.append((f"{plan.disease}/images/{name}", plan.disease, f"subject{plan.subject + 1:03d}"))
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("file", "class", "patient_id"), *sorted(rows)])
    write_text(root / "metadata.csv", table.getvalue())


@dataclass(frozen=True)
class _Plan:
    """One image to draw: whose it is, and how many the subject has before it."""

    disease: Disease
    subject: int
    repeat: int


def _plans(n_cases: int, seed: int) -> Iterator[_Plan]:
    subject = 0
    while n_cases > 0:
        n_images = min(
            n_cases, int(np.random.default_rng([seed, subject, 0]).integers(1, MOST_IMAGES_OF_A_SUBJECT + 1))
        )
        yield from (_Plan(CLASSES[subject % len(CLASSES)], subject, repeat) for repeat in range(n_images))
        subject, n_cases = subject + 1, n_cases - n_images


def draw_radiograph(
    disease: Disease, rng: np.random.Generator, *, anatomy: np.random.Generator, size_pixels: int
) -> tuple[Pixels, Pixels]:
    """Return one radiograph (0 to 255) and its lungs (0 and 1), (x, y).

    Args:
        disease: What the subject has.
        rng: Source of what varies between the images of a subject: pose, breath, exposure, noise, the opacities.
        anatomy: Source of what does not.
        size_pixels: Width and height.
    """
    points = _subject_points(_positions(size_pixels), rng)
    pixel_mm = FIELD_OF_VIEW_MM / size_pixels
    chest = _Chest(points, anatomy, breath_mm=float(rng.normal(0, 7)))
    lungs = chest.lungs < 0
    attenuation = chest.attenuation(pixel_mm, anatomy)
    plane = points[:2, :, :, 0]
    attenuation = attenuation + draw_opacity(disease, plane, lungs, rng)
    return _expose(attenuation, rng), lungs.astype(np.uint8)


def _positions(size_pixels: int) -> Array:
    """Return positions in millimetres about the middle of the image, (3, x, y, 1)."""
    steps = (np.arange(size_pixels) - (size_pixels - 1) / 2) * FIELD_OF_VIEW_MM / size_pixels
    return np.stack(np.meshgrid(steps, steps, 0.0, indexing="ij")).astype(np.float32)


def _subject_points(positions: Array, rng: np.random.Generator) -> Array:
    """Carry positions into the subject: undo how it stands before the detector."""
    angle = np.radians(rng.normal(0, 3.5))
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    moved = np.einsum("ij,j...->i...", turn, positions) / rng.uniform(0.9, 1.07)
    return np.asarray(moved + np.append(rng.normal(0, 9, 2), 0).reshape(3, 1, 1, 1), dtype=np.float32)


class _Chest:
    """A subject's chest: signed distances in millimetres, (x, y), and what it takes from the beam."""

    def __init__(self, points: Array, anatomy: np.random.Generator, *, breath_mm: float) -> None:
        self._points = points
        self._width = anatomy.uniform(0.86, 1.1)
        heart = self._oval(anatomy.normal(20, 4), 58, anatomy.uniform(48, 64), anatomy.uniform(42, 52))
        vessels = tube(points, [(2, -180, 0), (6, -20, 0), (4, 120, 0)], radii=(18, anatomy.uniform(24, 30), 30))
        self._middle = smooth_union(heart, vessels[..., 0], blend_mm=40)
        floors = anatomy.normal(172, 5, 2) + breath_mm
        self._domes = np.minimum(
            *(self._oval(side * 76, float(floor), 78, 76) for side, floor in zip((-1, 1), floors, strict=True))
        )
        sides = [self._lung(side, anatomy) for side in (-1, 1)]
        self.lungs = np.maximum.reduce([np.minimum(*sides), -self._domes, -self._middle])

    def _oval(self, x: float, y: float, *radii: float) -> Array:
        scaled = (radii[0] * self._width, radii[1], np.inf)
        return np.asarray(ellipsoid(self._points, (x * self._width, y, 0), radii=scaled)[..., 0])

    def _lung(self, side: int, anatomy: np.random.Generator) -> Array:
        body = self._oval(side * 70, 10, anatomy.uniform(52, 60), anatomy.uniform(112, 124))
        top = self._oval(side * 56, anatomy.normal(-84, 4), 36, 40)
        return smooth_union(body, top, blend_mm=30)

    def attenuation(self, pixel_mm: float, anatomy: np.random.Generator) -> Array:
        """Return what the chest takes from the beam, about 1 where it is thickest."""

        def soft(distance: Array, blur_mm: float) -> Array:
            return np.asarray(0.5 - 0.5 * np.tanh(distance / max(blur_mm, pixel_mm)))

        trunk = self._oval(0, 120, anatomy.uniform(142, 172), 260)
        shoulders = self._oval(0, anatomy.uniform(-90, -40), anatomy.uniform(160, 195), anatomy.uniform(55, 85))
        body = smooth_union(trunk, shoulders, blend_mm=20)
        lungs = soft(self.lungs, 3)
        attenuation = 0.56 * soft(body, 6) - anatomy.uniform(0.3, 0.4) * lungs
        attenuation += 0.14 * soft(self._middle, 4) + 0.08 * self._thickness() + 0.13 * soft(self._domes, 2)
        attenuation += 0.1 * self._ribs(anatomy) * soft(body + 12, 6)
        attenuation += 0.08 * lungs * self._vessels(anatomy)
        collar_bones = np.minimum(
            *(tube(self._points, [(side * 14, -112, 0), (side * 105, -138, 0)], radii=(6, 5)) for side in (-1, 1))
        )
        return np.asarray(attenuation + 0.12 * soft(collar_bones[..., 0], 2))

    def _thickness(self) -> Array:
        """Return how much heart and abdomen lie in the beam, most about (15, 70) and below the domes."""
        x, y = self._points[0, ..., 0] - 15, self._points[1, ..., 0] - 70
        return np.asarray(np.exp(-((x / 45) ** 2) - (y / 45) ** 2) + np.clip(y / 120, 0, 1))

    def _ribs(self, anatomy: np.random.Generator) -> Array:
        """Return bands that fall towards the sides (the back of the ribs) and, fainter, rise (their front)."""
        x, y = np.abs(self._points[0, ..., 0]) / self._width, self._points[1, ..., 0]
        distance_mm, start = anatomy.uniform(23, 27), anatomy.uniform(0, 25)
        beside_spine = np.clip((x - 14) / 10, 0, 1)
        back = _bands(y - 0.0028 * (x - 20) ** 2 + start, distance_mm, width_mm=9)
        front = _bands(y + 0.55 * x + 0.003 * x**2 + start + 9, distance_mm * 1.25, width_mm=10)
        vertebrae = _bands(y + start, distance_mm, width_mm=16) * (x < 14)
        return np.asarray(beside_spine * (back + 0.5 * front) + 0.6 * vertebrae)

    def _vessels(self, anatomy: np.random.Generator) -> Array:
        """Return branches from the roots of the lungs outwards."""
        branches = []
        for side in (-1, 1):
            root = np.array([side * 34.0 * self._width, 5, 0])
            for _ in range(int(anatomy.integers(10, 17))):
                reach = np.array([side * anatomy.uniform(25, 85), anatomy.normal(10, 55), 0])
                bend = root + 0.5 * reach + np.append(anatomy.normal(0, 7, 2), 0)
                branches.append(
                    tube(self._points, [root.tolist(), bend.tolist(), (root + reach).tolist()], radii=(4, 2.2, 0.8))
                )
        return np.asarray(np.clip(0.5 - np.minimum.reduce(branches)[..., 0] / 2, 0, 1))


def _bands(height: Array, distance_mm: float, *, width_mm: float) -> Array:
    """Return smooth bands of a width, one every `distance_mm`."""
    away = (height + distance_mm / 2) % distance_mm - distance_mm / 2
    return np.asarray(np.exp(-((away / (width_mm / 2)) ** 4)))


def _expose(attenuation: Array, rng: np.random.Generator) -> Pixels:
    """Scatter, expose with a gain, an offset and a contrast of its own, add noise, and store in 8 bit."""
    scattered = 0.88 * attenuation + 0.12 * ndimage.gaussian_filter(attenuation, attenuation.shape[0] / 16)
    low, high = np.percentile(scattered, [1, 99])
    level = np.clip((scattered - low) / (high - low), 0, 1.1) ** rng.uniform(0.7, 1.4)
    grey = rng.uniform(0, 0.2) + rng.uniform(0.55, 0.85) * level
    grey = grey + rng.normal(0, rng.uniform(0.008, 0.02), grey.shape)
    return np.asarray(np.clip(np.rint(255 * grey), 0, 255), dtype=np.uint8)


def _write_png(pixels: Pixels | Mask, path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ascontiguousarray(pixels.T)), path)
