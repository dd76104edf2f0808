"""Random transforms of the geometry, the same for images and label maps."""

import math

from monai.transforms import (
    Compose,
    Rand2DElasticd,
    Rand3DElasticd,
    RandAffined,
    RandFlipd,
    RandRotate90d,
    Transform,
)

from medweave.augmentation.augmentation import AUGMENTATIONS, Probability, SampleKeys


@AUGMENTATIONS.register("flip")
def flip(keys: SampleKeys, *, probability: Probability = 0.5, axes: tuple[int, ...] = (0, 1, 2)) -> Transform:
    """Mirror along each axis of `axes` with the given probability; mind that it swaps left and right."""
    return Compose(
        [RandFlipd(keys.all, prob=probability, spatial_axis=axis) for axis in axes if axis < keys.spatial_dims]
    )


@AUGMENTATIONS.register("rotate90")
def rotate90(keys: SampleKeys, *, probability: Probability = 0.5, axes: tuple[int, int] = (0, 1)) -> Transform:
    """Rotate by 90, 180 or 270 degrees in the plane of two axes of equal size."""
    return RandRotate90d(keys.all, prob=probability, max_k=3, spatial_axes=axes)


@AUGMENTATIONS.register("affine")
def affine(
    keys: SampleKeys,
    *,
    probability: Probability = 0.5,
    rotate_degrees: float = 10.0,
    scale: float = 0.1,
    translate_voxels: float = 0.0,
    shear: float = 0.0,
) -> Transform:
    """Rotate about every axis, scale, shift and shear, each uniformly up to an amount; the border is repeated."""
    axes = keys.spatial_dims
    angle = math.radians(rotate_degrees)
    return RandAffined(
        keys.all,
        prob=probability,
        rotate_range=[angle] * (1 if axes == 2 else 3),
        scale_range=[scale] * axes,
        translate_range=[translate_voxels] * axes,
        shear_range=[shear] * (axes * (axes - 1)),
        mode=keys.modes,
        padding_mode="border",
    )


@AUGMENTATIONS.register("elastic")
def elastic(
    keys: SampleKeys,
    *,
    probability: Probability = 0.2,
    sigma_voxels: tuple[float, float] = (5.0, 8.0),
    magnitude_voxels: tuple[float, float] = (50.0, 100.0),
) -> Transform:
    """Deform by a smooth random displacement field (Simard et al., ICDAR 2003).

    Noise of the given magnitude is smoothed by a Gaussian of the given sigma, so displacements are a few voxels.
    """
    if keys.spatial_dims == 2:
        return Rand2DElasticd(
            keys.all,
            prob=probability,
            spacing=(sigma_voxels[1] * 3,) * 2,
            magnitude_range=(sigma_voxels[0] / 2, sigma_voxels[1] / 2),
            mode=keys.modes,
            padding_mode="border",
        )
    return Rand3DElasticd(
        keys.all,
        prob=probability,
        sigma_range=sigma_voxels,
        magnitude_range=magnitude_voxels,
        mode=keys.modes,
        padding_mode="border",
    )
