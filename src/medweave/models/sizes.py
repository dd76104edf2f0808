"""Sizes of images that a network takes."""

from collections.abc import Sequence


def padded_size(size: Sequence[int], divisors: Sequence[int]) -> tuple[int, ...]:
    """Return the smallest size that holds another and that a network takes.

    Every axis is a multiple of its divisor, and not all are the divisor itself: the coarsest level would be a single
    voxel, which a normalisation over voxels cannot take.

    Args:
        size: Of the image, in voxels.
        divisors: `MultiTaskModel.size_divisors` of the input.
    """
    padded = tuple(-(-count // step) * step for count, step in zip(size, divisors, strict=True))
    return (2 * padded[0], *padded[1:]) if padded == tuple(divisors) else padded
