import numpy as np
import pytest
import torch
from scipy import ndimage

from medweave.augmentation.augmentation import AugmentationPipeline, SampleKeys
from medweave.augmentation.intensity import gamma, low_resolution, noise, scale_intensity, shift_intensity, smooth

KEYS = SampleKeys(images=("mri",), label_maps=(), spatial_dims=3)


def _run(transform, image, seed=0):
    return AugmentationPipeline([transform])({"mri": image}, seed=seed)["mri"]


def _ramp():
    return torch.linspace(-2, 3, 512).reshape(1, 8, 8, 8)


def test_noise_has_a_deviation_from_zero_to_its_limit_in_units_of_the_image():
    zeros = torch.zeros(1, 24, 24, 24)
    deviations = [_run(noise(KEYS, probability=1.0, std=0.4), zeros, seed).std().item() for seed in range(30)]
    assert 0 < min(deviations) < 0.1
    assert 0.3 < max(deviations) < 0.41
    assert np.mean(deviations) == pytest.approx(0.2, abs=0.06)


def test_a_shift_is_one_constant_within_its_limit():
    shifts = [_run(shift_intensity(KEYS, probability=1.0, offset=0.5), _ramp(), seed) - _ramp() for seed in range(30)]
    assert all(shift.std() < 1e-6 for shift in shifts)
    means = [shift.mean().item() for shift in shifts]
    assert -0.5 <= min(means) < -0.2
    assert 0.2 < max(means) <= 0.5


def test_a_scale_is_one_factor_within_its_limit():
    factors = []
    for seed in range(30):
        ratio = _run(scale_intensity(KEYS, probability=1.0, factor=0.3), _ramp(), seed) / _ramp()
        assert ratio.std() < 1e-5
        factors.append(ratio.mean().item())
    assert 0.7 <= min(factors) < 0.85
    assert 1.15 < max(factors) <= 1.3


def test_gamma_keeps_range_and_order_and_raises_the_scaled_image_to_a_power():
    image = _ramp()
    result = _run(gamma(KEYS, probability=1.0, gamma_range=(2.0, 2.0)), image)
    assert result.flatten().numpy() == pytest.approx((((image + 2) / 5) ** 2 * 5 - 2).flatten().numpy(), abs=1e-4)


def test_smoothing_is_scipy_s_gaussian():
    image = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    result = _run(smooth(KEYS, probability=1.0, sigma_voxels=(1.0, 1.0)), image)[0].numpy()
    expected = ndimage.gaussian_filter(image[0].numpy(), 1.0, truncate=4.0, mode="constant")
    assert result[5:-5, 5:-5, 5:-5] == pytest.approx(expected[5:-5, 5:-5, 5:-5], abs=0.05)


def test_low_resolution_keeps_size_and_loses_detail():
    image = torch.randn(1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    result = _run(low_resolution(KEYS, probability=1.0, zoom_range=(0.5, 0.5)), image)
    assert result.shape == image.shape
    assert result.diff(dim=1).abs().mean() < 0.7 * image.diff(dim=1).abs().mean()
