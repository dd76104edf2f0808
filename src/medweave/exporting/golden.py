"""The input of a golden case: synthetic, so that no image of a person leaves with a bundle."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from medweave.data.study import InputSource
from medweave.inference.predictor import Predictor
from medweave.preprocessing.geometry import Grid, to_image

SEED = 2026
#: Voxels along an axis at most.
MAX_VOXELS = 64
#: Values where the normalisation names none.
GREY_VALUES = (0.0, 255.0)


def write_golden_input(predictor: Predictor, folder: Path) -> None:
    """Write an image for every input of a model into `input/`: an ellipsoid in smooth noise, the same at every export.

    Args:
        predictor: Of the model.
        folder: The golden folder.
    """
    (folder / "input").mkdir(parents=True)
    generator = np.random.default_rng(SEED)
    for name, source in predictor.source.inputs.items():
        size = tuple(min(count, MAX_VOXELS) for count in predictor.window.size_voxels[name])
        for image_name in source.image_names:
            values = _scaled(_ellipsoid_in_noise(size, generator), source)
            _write(values, source, folder / "input" / image_name)


def _ellipsoid_in_noise(size: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
    """Return values from 0 to 1."""
    noise = ndimage.gaussian_filter(generator.normal(size=size), 2.0, mode="nearest")
    noise = (noise - noise.min()) / max(float(np.ptp(noise)), 1e-9)
    places = np.meshgrid(*(np.linspace(-1, 1, count) for count in size), indexing="ij")
    inside = np.sum(np.square(places), axis=0) < 0.3
    values: NDArray[np.float64] = 0.5 * noise + 0.5 * ndimage.gaussian_filter(inside.astype(float), 1.0)
    return values


def _scaled(values: NDArray[np.float64], source: InputSource) -> NDArray[np.float64]:
    intensity = source.preprocessor.intensity
    low, high = GREY_VALUES
    if intensity.method == "range":
        low, high = intensity.lower or 0.0, 1.0 if intensity.upper is None else intensity.upper
    return low + values * (high - low)


def _write(values: NDArray[np.float64], source: InputSource, stem: Path) -> None:
    """Write a PNG where an 8-bit picture can hold the values, else NIfTI on the model's own spacing and orientation."""
    preprocessor = source.preprocessor
    axes = values.ndim
    if axes == 2 and values.min() >= 0 and 1 < values.max() <= GREY_VALUES[1]:
        picture = sitk.GetImageFromArray(values.T.astype(np.uint8))
        sitk.WriteImage(picture, f"{stem}.png")
        return
    grid = Grid(
        values.shape, preprocessor.spacing_mm or (1.0,) * axes, (0.0,) * axes, tuple(np.eye(axes).ravel().tolist())
    )
    image = to_image(values.astype(np.float32), grid)
    if preprocessor.orientation and axes == 3:
        image = sitk.DICOMOrient(image, preprocessor.orientation)
    sitk.WriteImage(image, f"{stem}.nii.gz", useCompression=True)
