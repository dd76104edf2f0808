"""Inference on whole images, one pass for all inputs of some cases."""

from collections.abc import Callable, Mapping, Sequence
from itertools import compress, product

import numpy as np
from numpy.typing import NDArray

from medweave.models.sizes import padded_size

Array = NDArray[np.float32]
#: Maps a batch (B, C, *spatial) of each input to the logits (B, channels, *spatial) or (B, classes) of each head.
Network = Callable[[Mapping[str, Array]], dict[str, Array]]


def infer_whole(
    batch: Sequence[Mapping[str, Array]], network: Network, *, divisors: Mapping[str, Sequence[int]]
) -> list[dict[str, Array]]:
    """Run a network once over the whole images of some cases of equal sizes.

    Args:
        batch: (C, *spatial) of each input, by case.
        network: The network.
        divisors: What it needs each axis of each input to be a multiple of; images are padded by their border.

    Returns:
        Logits of each head by case; those of a segmentation still cover the padding.
    """
    padded = [pad_to_divisors(images, divisors) for images in batch]
    outputs = network({name: np.concatenate([images[name] for images in padded]) for name in padded[0]})
    return [{name: output[number] for name, output in outputs.items()} for number in range(len(batch))]


def pad_to_divisors(images: Mapping[str, Array], divisors: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """Return a batch of one, every axis padded by the image's border to a size that the network takes."""
    return {name: _pad(image, divisors[name])[None] for name, image in images.items()}


def mirrorings(axes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the subsets of some spatial axes, the empty one first (2^axes of them)."""
    return [tuple(compress(axes, flags)) for flags in product((False, True), repeat=len(axes))]


def mirrored(network: Network, axes: Sequence[int]) -> Network:
    """Return a network that mirrors its images along spatial axes, and its answers back.

    Args:
        network: The network.
        axes: From 0; an image with fewer is mirrored along those that it has.
    """

    def run(images: Mapping[str, Array]) -> dict[str, Array]:
        outputs = network({name: _flip(image, axes) for name, image in images.items()})
        return {name: _flip(output, axes) for name, output in outputs.items()}

    return run if axes else network


def _flip(array: Array, axes: Sequence[int]) -> Array:
    return np.flip(array, tuple(axis + 2 for axis in axes if axis + 2 < array.ndim))


def _pad(image: Array, divisors: Sequence[int]) -> Array:
    size = padded_size(image.shape[1:], divisors)
    margins = [(0, 0)] + [(0, want - have) for want, have in zip(size, image.shape[1:], strict=True)]
    return np.pad(image, margins, mode="edge") if np.any(margins) else image
