"""From logits on the preprocessed grid to a label map on the case's own grid."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.inference.activations import Activation, sigmoid, softmax
from medweave.preprocessing.geometry import to_image
from medweave.preprocessing.pipeline import Preprocessed, restoring

#: One half, less what rounding adds.
ALMOST_HALF = 0.4999
#: Of a part of the native grid that is restored at once.
SLAB_VOXELS = 2**20


def probabilities(logits: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    """Return the probabilities of the structures (structures, *spatial), the background's left out."""
    if activation == "softmax":
        return softmax(logits)[1:]
    return sigmoid(logits)


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

    Softmax gives the likeliest class, the background included; sigmoid the likeliest structure above one half.
    Slabs are restored one after the other, and only where a structure can be chosen, so that memory holds little beside
    the label map.

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
    sampling = restoring(preprocessed.grid, native)
    labels = np.zeros(native.size_voxels, np.uint8)
    chance = structure_probabilities.sum(axis=0) if activation == "softmax" else structure_probabilities.max(axis=0)
    # Between voxels of less than one half there is no more than that.
    box = sampling.reach(chance > ALMOST_HALF)
    for slab in _slabs(box):
        part = sampling.part(slab)
        restored = [part(probability) for probability in structure_probabilities]
        best = 1 - np.sum(restored, axis=0) if activation == "softmax" else np.full_like(restored[0], 0.5)
        for value, probability in zip(structures.values(), restored, strict=True):
            labels[slab][probability > best] = value
            np.maximum(best, probability, out=best)
    if largest_component:
        for value in structures.values():
            is_structure = labels[box] == value
            labels[box][is_structure & ~largest_connected_component(is_structure)] = 0
    kept = {
        name: sampling(probability)
        for name, probability in zip(structures, structure_probabilities, strict=True)
        if keep_probabilities
    }
    return to_image(labels, native), kept


def _slabs(box: Sequence[slice]) -> Iterator[tuple[slice, ...]]:
    """Cut a box along its first axis into parts of about SLAB_VOXELS."""
    first, *others = box
    step = max(SLAB_VOXELS // max(prod(cut.stop - cut.start for cut in others), 1), 1)
    for start in range(first.start, first.stop, step):
        yield (slice(start, min(start + step, first.stop)), *others)


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
    return restoring(preprocessed.grid, preprocessed.native_grid)(values[inside])


def share_inside(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the share of the sum of some values, which is above 0, that lies in a mask."""
    return float(values[mask].sum(dtype=np.float64)) / float(values.sum(dtype=np.float64))


def largest_connected_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest face-connected component of a mask; of equals the first."""
    if not mask.any():
        return mask
    # ITK's, since SciPy's takes longer to import than the answer takes. A view does not keep its image.
    image = sitk.ConnectedComponent(sitk.GetImageFromArray(mask.view(np.uint8)))
    components = sitk.GetArrayViewFromImage(image)
    count = int(components.max())
    if count == 1:
        return mask
    sizes = np.zeros(count + 1, np.int64)
    for part in components:  # bincount widens what it counts
        sizes += np.bincount(part.ravel(), minlength=count + 1)
    sizes[0] = 0
    chosen: NDArray[np.bool_] = components == sizes.argmax()
    return chosen
