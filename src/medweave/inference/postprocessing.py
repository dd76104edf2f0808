"""From logits on the preprocessed grid to a label map on the case's own grid."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage, special

from medweave.preprocessing.geometry import to_image
from medweave.preprocessing.pipeline import Preprocessed, restore_probability

Activation = Literal["softmax", "sigmoid"]


def probabilities(logits: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Return the probabilities of the structures (structures, *spatial), the background's left out."""
    if activation == "softmax":
        structures: NDArray[np.float32] = special.softmax(logits, axis=0)[1:]
        return structures
    sigmoid: NDArray[np.float32] = special.expit(logits)
    return sigmoid


def restore_segmentation(
    structure_probabilities: NDArray[np.float32],
    preprocessed: Preprocessed,
    *,
    structures: Mapping[str, int],
    activation: Activation,
    largest_component: bool,
    keep_probabilities: bool,
) -> tuple[sitk.Image, dict[str, NDArray[np.float32]]]:
    """Bring probabilities back to the native grid and choose a structure for each voxel.

    Each structure is resampled on its own and compared with the best so far, so that memory holds two float32 volumes
    whatever the number of structures. Softmax gives the likeliest class, the background included; sigmoid the likeliest
    structure of at least one half.

    Args:
        structure_probabilities: (structures, *spatial) on the preprocessed grid.
        preprocessed: The case's input, for its grids.
        structures: Value of each structure, in the order of the channels.
        activation: What made the probabilities.
        largest_component: Keep only the largest face-connected component of each structure.
        keep_probabilities: Return the native probabilities too.

    Returns:
        The label map (uint8, native grid), and the probabilities (x, y[, z]) by structure where asked for.
    """
    native = preprocessed.native_grid
    labels = np.zeros(native.size_voxels, np.uint8)
    best = np.full(native.size_voxels, 0.5, np.float32)
    if activation == "softmax":
        background = np.clip(1 - structure_probabilities.sum(axis=0), 0, 1)
        # Beyond the preprocessed grid everything is background, so restore what is not background.
        best = 1 - restore_probability(1 - background, preprocessed.grid, native)
    kept: dict[str, NDArray[np.float32]] = {}
    for (name, value), probability in zip(structures.items(), structure_probabilities, strict=True):
        restored = restore_probability(np.ascontiguousarray(probability), preprocessed.grid, native)
        wins = restored > best
        labels[wins], best[wins] = value, restored[wins]
        if keep_probabilities:
            kept[name] = restored
    if largest_component:
        for value in structures.values():
            labels[(labels == value) & ~largest_connected_component(labels == value)] = 0
    return to_image(labels, native), kept


def count_voxels(
    structure_probabilities: NDArray[np.float32], *, activation: Activation, largest_component: bool
) -> NDArray[np.int64]:
    """Return how many voxels each structure is chosen for on the preprocessed grid (structures,).

    Arguments are as of `restore_segmentation`.
    """
    best = 1 - structure_probabilities.sum(axis=0) if activation == "softmax" else np.float32(0.5)
    chosen = structure_probabilities.argmax(axis=0)
    is_structure = np.take_along_axis(structure_probabilities, chosen[None], axis=0)[0] > best
    masks = (is_structure & (chosen == position) for position in range(len(structure_probabilities)))
    return np.array([(largest_connected_component(mask) if largest_component else mask).sum() for mask in masks])


def restore_map(values: NDArray[np.float32], preprocessed: Preprocessed) -> NDArray[np.float32]:
    """Bring values (*spatial) on the preprocessed grid, perhaps padded at its far ends, to the native grid."""
    inside = tuple(slice(count) for count in preprocessed.grid.size_voxels)
    return restore_probability(np.ascontiguousarray(values[inside]), preprocessed.grid, preprocessed.native_grid)


def share_inside(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the share of the sum of some values that lies in a mask; 0 where all values are 0."""
    total = float(values.sum(dtype=np.float64))
    return float(values[mask].sum(dtype=np.float64)) / total if total > 0 else 0.0


def largest_connected_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest face-connected component of a mask; of equals the first."""
    components, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(components.ravel())
    sizes[0] = 0
    chosen: NDArray[np.bool_] = components == sizes.argmax()
    return chosen
