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
from pydantic import PositiveFloat

from medweave.augmentation.augmentation import AUGMENTATIONS, Probability, SampleKeys


@AUGMENTATIONS.register("flip")
def flip(keys: SampleKeys, *, probability: Probability = 0.5, axes: tuple[int, ...] = (0, 1, 2)) -> Transform:
    """Mirror along each axis of `axes` with the given probability; mind that it swaps left and right.

    Args:
        keys: Of the sample.
        probability: Of a flip, for each axis.
        axes: Axes of the preprocessed image, from 0; those that it lacks are left out.
    """
    return Compose(
        [RandFlipd(keys.all, prob=probability, spatial_axis=axis) for axis in axes if axis < keys.spatial_dims]
    )


@AUGMENTATIONS.register("rotate90")
def rotate90(keys: SampleKeys, *, probability: Probability = 0.5, axes: tuple[int, int] = (0, 1)) -> Transform:
    """Rotate by 90, 180 or 270 degrees in the plane of two axes of equal size.

    Args:
        keys: Of the sample.
        probability: Of the change.
        axes: The two axes of the plane, from 0.
    """
    if axes[0] == axes[1] or not all(0 <= axis < keys.spatial_dims for axis in axes):
        raise ValueError(f"axes are two different ones of 0 to {keys.spatial_dims - 1}, got {list(axes)}")
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
    in_plane_only: bool = False,
) -> Transform:
    """Rotate about every axis, scale, shift and shear, each uniformly up to an amount; the border is repeated.

    Args:
        keys: Of the sample.
        probability: Of the change.
        rotate_degrees: Largest angle about each axis.
        scale: Largest deviation of the size from 1.
        translate_voxels: Largest shift along each axis.
        shear: Largest shear factor.
        in_plane_only: Leave the third axis alone: for thick slices, whose voxels are no cubes.
    """
    axes = keys.spatial_dims
    angle = math.radians(rotate_degrees)
    moved = 2 if in_plane_only else axes
    rotations = [angle] if axes == 2 else [0.0 if in_plane_only else angle] * 2 + [angle]
    shears = [0.0 if in_plane_only and axes == 3 and pair not in (0, 2) else shear for pair in range(axes * (axes - 1))]
    return RandAffined(
        keys.all,
        prob=probability,
        rotate_range=rotations,
        scale_range=[scale] * moved + [0.0] * (axes - moved),
        translate_range=[translate_voxels] * moved + [0.0] * (axes - moved),
        shear_range=shears,
        mode=keys.modes,
        padding_mode="border",
    )


@AUGMENTATIONS.register("elastic")
def elastic(
    keys: SampleKeys,
    *,
    probability: Probability = 0.2,
    sigma_voxels: PositiveFloat = 8.0,
    displacement_voxels: float = 2.0,
) -> Transform:
    """Deform by a random displacement field, smooth over `sigma_voxels` (Simard et al., ICDAR 2003).

    Args:
        keys: Of the sample.
        probability: Of the change.
        sigma_voxels: Smoothness of the field: standard deviation of the Gaussian that makes it.
        displacement_voxels: Largest standard deviation of the displacement, which is drawn from 0 to this.
    """
    if keys.spatial_dims == 2:
        return Rand2DElasticd(
            keys.all,
            prob=probability,
            spacing=(3 * sigma_voxels,) * 2,
            magnitude_range=(0.0, displacement_voxels),
            mode=keys.modes,
            padding_mode="border",
        )
    # A Gaussian divides the deviation of white noise, here uniform from -1 to 1, by (2 sqrt(pi) sigma)^(axes / 2).
    magnitude = displacement_voxels * math.sqrt(3) * (2 * math.sqrt(math.pi) * sigma_voxels) ** 1.5
    return Rand3DElasticd(
        keys.all,
        prob=probability,
        sigma_range=(sigma_voxels, sigma_voxels),
        magnitude_range=(0.0, magnitude),
        mode=keys.modes,
        padding_mode="border",
    )
