"""Where a classification head looks: Grad-CAM on the features that it pools."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from medweave.models.features import Features
from medweave.models.heads.head import ClassificationHead
from medweave.models.multitask import MultiTaskModel


def grad_cam(
    model: MultiTaskModel, images: Mapping[str, Tensor], present: Mapping[str, Tensor], *, head: str, class_index: int
) -> dict[str, NDArray[np.float32]]:
    """Return how much each place of each input speaks for a class (Selvaraju et al., ICCV 2017).

    The features are the decoder's finest where the head pools these, and the encoder's coarsest otherwise.

    Args:
        model: The network; it is put into evaluation mode for the call and back into its mode after it.
        images: (1, C, *spatial) of each input.
        present: (1,) bool of each input.
        head: Classification head.
        class_index: The class.

    Returns:
        (*spatial) of each present input, from 0 to 1 (its largest value); zeros where nothing speaks for the class.
    """
    was_training = model.training
    model.eval()
    classifier: ClassificationHead = model.classification_heads[head]  # type: ignore[assignment]
    with torch.no_grad():
        pyramids = model.encode(images, present)
        is_decoded = classifier.looks_at_segmentations
        features = model.decode(pyramids, present) if is_decoded else Features(pyramids, {}, present)
        maps = {
            name: _scaled(_map(classifier, features, name=name, class_index=class_index, size=image.shape[2:]))
            for name, image in images.items()
            if bool(present[name].any())
        }
    model.train(was_training)
    return maps


def _map(head: ClassificationHead, features: Features, *, name: str, class_index: int, size: Sequence[int]) -> Tensor:
    """Return the positive part of what an input's features, weighted by their mean gradients, add up to, enlarged."""
    decoder = head.decoder_of(name)
    pooled = features.pyramids[name][-1] if decoder is None else features.segmentations[decoder].decoded
    pooled = pooled.detach().requires_grad_()
    with torch.enable_grad():
        logit = head(_replaced(features, pooled, name=name, decoder=decoder))[0, class_index]
        (gradient,) = torch.autograd.grad(logit, pooled, allow_unused=True, materialize_grads=True)
    space = tuple(range(2, pooled.ndim))
    found = torch.relu((gradient.mean(dim=space, keepdim=True) * pooled).sum(dim=1, keepdim=True))
    linear = "bilinear" if len(space) == 2 else "trilinear"
    return functional.interpolate(found.float(), size=tuple(size), mode=linear, align_corners=False)[0, 0]


def _replaced(features: Features, pooled: Tensor, *, name: str, decoder: str | None) -> Features:
    """Return the features with others in the place of those that a head pools of an input."""
    if decoder is None:
        return replace(features, pyramids={**features.pyramids, name: [*features.pyramids[name][:-1], pooled]})
    found = replace(features.segmentations[decoder], decoded=pooled)
    return replace(features, segmentations={**features.segmentations, decoder: found})


def _scaled(found: Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = found.cpu().numpy()
    largest = float(values.max())
    return values / largest if largest > 0 else np.zeros_like(values)
