"""Inference on whole images, one pass for all inputs of a case."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from medweave.models.sizes import padded_size

Array = NDArray[np.float32]
#: Maps a batch (1, C, *spatial) of each input to the logits of each head.
Network = Callable[[Mapping[str, Array]], dict[str, Array]]


def infer_whole(
    images: Mapping[str, Array], network: Network, *, divisors: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """Run a network once over the whole images of a case.

    Args:
        images: (C, *spatial) of each input.
        network: The network.
        divisors: What it needs each axis of each input to be a multiple of; images are padded by their border.

    Returns:
        Logits of each head without the batch axis; those of a segmentation still cover the padding.
    """
    return {head: logits[0] for head, logits in network(pad_to_divisors(images, divisors)).items()}


def pad_to_divisors(images: Mapping[str, Array], divisors: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """Return a batch of one, every axis padded by the image's border to a size that the network takes."""
    return {name: _pad(image, divisors[name])[None] for name, image in images.items()}


def average_over_flips(network: Network, spatial_dims: int) -> Network:
    """Return a network that averages its logits over all mirrored copies of its images (2^axes runs).

    Args:
        network: The network.
        spatial_dims: Axes to mirror; an image with fewer is mirrored along those that it has.
    """

    def run(images: Mapping[str, Array]) -> dict[str, Array]:
        sums: dict[str, Array] = {}
        for flags in product((False, True), repeat=spatial_dims):
            axes = tuple(axis + 2 for axis, flag in enumerate(flags) if flag)
            mirrored = {name: _flip(image, axes) for name, image in images.items()}
            for head, logits in network(mirrored).items():
                sums[head] = sums[head] + _flip(logits, axes) if head in sums else logits
        return {head: total / 2**spatial_dims for head, total in sums.items()}

    return run


def _flip(array: Array, axes: Sequence[int]) -> Array:
    return np.flip(array, tuple(axis for axis in axes if axis < array.ndim))


def _pad(image: Array, divisors: Sequence[int]) -> Array:
    size = padded_size(image.shape[1:], divisors)
    margins = [(0, 0)] + [(0, want - have) for want, have in zip(size, image.shape[1:], strict=True)]
    return np.pad(image, margins, mode="edge") if np.any(margins) else image
