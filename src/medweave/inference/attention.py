"""Where a classification head looks: Grad-CAM on the features that it pools."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from monai.visualize import GradCAM
from numpy.typing import NDArray
from torch import Tensor, nn

from medweave.models.features import Features
from medweave.models.heads.head import ClassificationHead
from medweave.models.multitask import MultiTaskModel


def grad_cam(
    model: MultiTaskModel, images: Mapping[str, Tensor], present: Mapping[str, Tensor], *, head: str, class_index: int
) -> dict[str, NDArray[np.float32]]:
    """Return how much each place of each input speaks for a class (Selvaraju et al., ICCV 2017; MONAI's GradCAM).

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
    maps = {}
    for name, image in images.items():
        if bool(present[name].any()):
            tapped = _TappedHead(classifier, features, name=name)
            with torch.enable_grad():
                found = GradCAM(tapped, target_layers="tap", postprocessing=_positive)(image, class_idx=class_index)
            maps[name] = np.asarray(torch.as_tensor(found).detach().cpu()[0, 0], np.float32)
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return {name: _scaled(found) for name, found in maps.items()}


class _TappedHead(nn.Module):
    """A head's logits, with the features that it pools of one input passing a layer `tap`, where gradients end."""

    def __init__(self, head: ClassificationHead, features: Features, *, name: str) -> None:
        super().__init__()
        self.head, self.features, self.name = head, features, name
        self.tap = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:  # noqa: ARG002 -- GradCAM enlarges the map to its size
        """Return the logits (1, classes) of the image that the features are of."""
        pyramids, segmentations = dict(self.features.pyramids), dict(self.features.segmentations)
        decoder = self.head.decoder_of(self.name)
        if decoder is None:
            *finer, coarsest = pyramids[self.name]
            pyramids[self.name] = [*finer, self._tapped(coarsest)]
        else:
            found = segmentations[decoder]
            segmentations[decoder] = replace(found, decoded=self._tapped(found.decoded))
        logits: Tensor = self.head(replace(self.features, pyramids=pyramids, segmentations=segmentations))
        return logits

    def _tapped(self, maps: Tensor) -> Tensor:
        tapped: Tensor = self.tap(maps.detach().requires_grad_())
        return tapped


def _positive(found: Tensor) -> Tensor:
    return torch.relu(found)


def _scaled(found: NDArray[np.float32]) -> NDArray[np.float32]:
    largest = float(found.max())
    return found / largest if largest > 0 else np.zeros_like(found)
