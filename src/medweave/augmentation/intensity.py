"""Random transforms of the intensities, of images alone, in units of the normalised image."""

import math

from monai.transforms import (
    RandAdjustContrastd,
    RandGaussianNoised,
    RandGaussianSmoothd,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSimulateLowResolutiond,
    Transform,
)

from medweave.augmentation.augmentation import AUGMENTATIONS, Probability, SampleKeys


@AUGMENTATIONS.register("noise")
def noise(keys: SampleKeys, *, probability: Probability = 0.3, std: float = 0.1) -> Transform:
    """Add Gaussian noise; its standard deviation is drawn from 0 to `std`.

    Args:
        keys: Of the sample.
        probability: Of the change.
        std: Largest standard deviation.
    """
    return RandGaussianNoised(keys.images, prob=probability, std=std)


@AUGMENTATIONS.register("smooth")
def smooth(
    keys: SampleKeys, *, probability: Probability = 0.2, sigma_voxels: tuple[float, float] = (0.5, 1.0)
) -> Transform:
    """Blur with a Gaussian.

    Args:
        keys: Of the sample.
        probability: Of the change.
        sigma_voxels: Range of the Gaussian's standard deviation.
    """
    return RandGaussianSmoothd(
        keys.images, prob=probability, sigma_x=sigma_voxels, sigma_y=sigma_voxels, sigma_z=sigma_voxels
    )


@AUGMENTATIONS.register("shift_intensity")
def shift_intensity(keys: SampleKeys, *, probability: Probability = 0.5, offset: float = 0.1) -> Transform:
    """Add a constant from -offset to +offset.

    Args:
        keys: Of the sample.
        probability: Of the change.
        offset: Largest constant; images are normalised before, so 0.1 is a tenth of their unit.
    """
    return RandShiftIntensityd(keys.images, prob=probability, offsets=offset)


@AUGMENTATIONS.register("scale_intensity")
def scale_intensity(keys: SampleKeys, *, probability: Probability = 0.5, factor: float = 0.1) -> Transform:
    """Multiply by a number from 1 - factor to 1 + factor.

    Args:
        keys: Of the sample.
        probability: Of the change.
        factor: Largest deviation of the multiplier from 1.
    """
    return RandScaleIntensityd(keys.images, prob=probability, factors=factor)


@AUGMENTATIONS.register("gamma")
def gamma(
    keys: SampleKeys, *, probability: Probability = 0.3, gamma_range: tuple[float, float] = (0.7, 1.5)
) -> Transform:
    """Raise the image, scaled to its own range, to a random power.

    Args:
        keys: Of the sample.
        probability: Of the change.
        gamma_range: Range of the power; below 1 brightens, above 1 darkens.
    """
    low, high = gamma_range
    if not 0 < low <= high < math.inf:
        raise ValueError(f"gamma_range goes from a number above 0 to one that is not below it, got [{low:g}, {high:g}]")
    return RandAdjustContrastd(keys.images, prob=probability, gamma=gamma_range)


@AUGMENTATIONS.register("low_resolution")
def low_resolution(
    keys: SampleKeys, *, probability: Probability = 0.2, zoom_range: tuple[float, float] = (0.5, 1.0)
) -> Transform:
    """Shrink by nearest neighbour and enlarge again (Isensee et al., Nat Methods 2021).

    Args:
        keys: Of the sample.
        probability: Of the change.
        zoom_range: Range of the shrunk size as a share of the size.
    """
    linear = "bilinear" if keys.spatial_dims == 2 else "trilinear"
    return RandSimulateLowResolutiond(keys.images, prob=probability, zoom_range=zoom_range, upsample_mode=linear)
