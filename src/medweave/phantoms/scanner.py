"""What an MRI scanner makes of tissues: shading, noise, gain, and an image on a grid."""

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.phantoms.shapes import Array


def magnitude_image(brightness: Array, points: Array, rng: np.random.Generator) -> NDArray[np.int16]:
    """Shade like receive coils, add Rician noise (Gudbjartsson and Patz, MRM 1995;34:910) and apply the gain.

    Args:
        brightness: Signal of the tissues, 1 for blood, (*grid).
        points: Positions in millimetres, (3, *grid); y runs away from the coils.
        rng: Source of shading, noise and gain.
    """
    direction = np.array([rng.normal(0, 0.3), -1.0, rng.normal(0, 0.3)])
    depth = np.einsum("i,i...->...", direction / np.linalg.norm(direction), points) / 100
    wave = np.einsum("i,i...->...", rng.normal(0, 2 * np.pi / 200, 3), points)
    shading = np.exp(rng.uniform(0.05, 0.3) * depth + 0.08 * np.sin(wave + rng.uniform(0, 2 * np.pi)))
    noise = rng.normal(0, rng.uniform(0.04, 0.07), (2, *brightness.shape))
    signal = np.hypot(brightness * shading + noise[0], noise[1])
    scaled = np.rint(signal * rng.uniform(400, 1100))
    return np.asarray(np.clip(scaled, 0, 32767), dtype=np.int16)


def image_on_grid(array: NDArray[np.int16] | NDArray[np.uint8], grid: sitk.Image) -> sitk.Image:
    """Return an image of `array`, indexed as (x, y[, z]), with the geometry of `grid`."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.T))
    image.CopyInformation(grid)
    return image
