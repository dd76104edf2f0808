import numpy as np
import pytest
import SimpleITK as sitk

from medweave.phantoms.scanner import image_on_grid, magnitude_image

SIZE = (40, 40, 10)
POINTS = (np.indices(SIZE) - 20).astype(np.float32)


def _scan(brightness: float, seed: int = 0) -> np.ndarray:
    return magnitude_image(np.full(SIZE, brightness, np.float32), POINTS, np.random.default_rng(seed)).astype(float)


def test_images_are_whole_numbers_that_files_of_scanners_hold() -> None:
    image = magnitude_image(np.ones(SIZE, np.float32), POINTS, np.random.default_rng(0))
    assert image.dtype == np.int16
    assert image.min() >= 0


def test_noise_without_signal_is_rayleigh_distributed() -> None:
    """The magnitude of Gaussian noise in two channels: mean √(π/2), deviation √(2 - π/2) of its own."""
    noise = _scan(0.0)
    assert noise.mean() / noise.std() == pytest.approx(np.sqrt(np.pi / 2) / np.sqrt(2 - np.pi / 2), rel=0.02)


def test_gain_and_shading_differ_between_examinations() -> None:
    first, second = _scan(1.0, seed=1), _scan(1.0, seed=2)
    assert abs(first.mean() / second.mean() - 1) > 0.05
    near_coils = [image[:, :8].mean() / image[:, -8:].mean() for image in (first, second)]
    assert near_coils[0] != pytest.approx(near_coils[1], rel=0.01)
    assert min(near_coils) > 1 or max(near_coils) < 1


def test_image_has_the_geometry_of_the_grid_and_keeps_the_order_of_axes() -> None:
    grid = sitk.Image([3, 4, 5], sitk.sitkUInt8)
    grid.SetSpacing((1.5, 2.0, 10.0))
    grid.SetOrigin((7, 8, 9))
    array = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    image = image_on_grid(array, grid)
    assert image.GetPixel(2, 1, 3) == array[2, 1, 3]
    assert (image.GetSpacing(), image.GetOrigin()) == (grid.GetSpacing(), grid.GetOrigin())
