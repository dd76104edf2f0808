"""What a disease adds to the lungs in a radiograph.

The diseases differ in where and how, not in how much: each adds the same range of attenuation on average, so the
brightness of the lungs does not tell one from another.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medweave.phantoms.shapes import Array

Disease = Literal["COVID", "Lung_Opacity", "Normal", "Viral Pneumonia"]
Mask = NDArray[np.bool_]

#: Attenuation added to the lungs on average, relative to the body's.
MEAN_ATTENUATION = (0.025, 0.05)


def draw_opacity(disease: Disease, points: Array, lungs: Mask, rng: np.random.Generator) -> Array:
    """Return the attenuation that a disease adds, zero outside the lungs, (x, y).

    Args:
        disease: What the subject has.
        points: Positions in millimetres, (2, x, y): x to the subject's left, y downwards, 0 in the middle of the chest.
        lungs: Both lungs, (x, y).
        rng: Source of everything that varies.
    """
    match disease:
        case "COVID":
            pattern = _bilateral_peripheral(points, lungs, rng)
        case "Lung_Opacity":
            pattern = _focal_lobar(points, lungs, rng)
        case "Viral Pneumonia":
            pattern = _diffuse_interstitial(points, rng)
        case "Normal":
            return np.zeros(lungs.shape)
    pattern = np.where(lungs, pattern, 0)
    return np.asarray(pattern * rng.uniform(*MEAN_ATTENUATION) / pattern[lungs].mean())


def _bilateral_peripheral(points: Array, lungs: Mask, rng: np.random.Generator) -> Array:
    """Patches of ground glass in both lungs, at the outer edge and towards the base."""
    patches = np.zeros(lungs.shape)
    for side in (points[0] < 0, points[0] >= 0):
        lung = lungs & side
        depth = ndimage.distance_transform_edt(lung)
        outwards = np.abs(points[0]) - np.abs(points[0])[lung].mean()
        downwards = points[1] - points[1][lung].mean()
        where = np.argwhere(lung & (depth > 1) & (outwards > 0) & (downwards > -40))
        for x, y in where[rng.choice(len(where), rng.integers(3, 6))]:
            radius = rng.uniform(12, 26, 2)
            away = (points - points[:, x, y][:, None, None]) / radius[:, None, None]
            patches = np.maximum(patches, np.exp(-((away**2).sum(axis=0) ** 1.5)) * rng.uniform(0.7, 1))
    return np.asarray(patches * (1 + 0.3 * _texture(points, rng, fine_mm=2.5, coarse_mm=8)))


def _focal_lobar(points: Array, lungs: Mask, rng: np.random.Generator) -> Array:
    """One dense region of one lung, with a sharp edge where it meets the next lobe."""
    lung = lungs & ((points[0] < 0) if rng.random() < 0.5 else (points[0] >= 0))
    height = points[1] + rng.normal(0, 0.25) * points[0]
    edges = np.quantile(height[lung], [0, 0.36, 0.66, 1])
    zone = rng.integers(3)
    inside = lung & (height >= edges[zone]) & (height <= edges[zone + 1])
    air = 0.15 * _texture(points, rng, fine_mm=3, coarse_mm=12)
    return np.asarray(ndimage.gaussian_filter(inside.astype(float), 1.5) * (1 + air))


def _diffuse_interstitial(points: Array, rng: np.random.Generator) -> Array:
    """A fine net through both lungs, denser about their roots."""
    net = np.clip(_texture(points, rng, fine_mm=1.6, coarse_mm=5) - 0.2, 0, None)
    from_root = np.hypot(np.abs(points[0]) - 40, points[1])
    return np.asarray(net * (0.5 + np.exp(-((from_root / 60) ** 2))))


def _texture(points: Array, rng: np.random.Generator, *, fine_mm: float, coarse_mm: float) -> Array:
    """Return noise of mean 0 and deviation 1 whose details lie between two sizes."""
    pixel_mm = float(points[0, 1, 0] - points[0, 0, 0])
    noise = rng.normal(size=points.shape[1:])
    band = ndimage.gaussian_filter(noise, fine_mm / pixel_mm) - ndimage.gaussian_filter(noise, coarse_mm / pixel_mm)
    return np.asarray(band / band.std())
