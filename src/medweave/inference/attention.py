"""Where a classification head looks: Grad-CAM on the features that it pools."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from monai.visualize import GradCAM
from numpy.typing import NDArray
from torch import Tensor, nn

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
    maps = {}
    for name, image in images.items():
        if bool(present[name].any()):
            tapped = _TappedModel(model, images, present, name=name, head=head)
            with torch.enable_grad():
                found = GradCAM(tapped, target_layers="tap", postprocessing=_positive)(image, class_idx=class_index)
            maps[name] = np.asarray(torch.as_tensor(found).detach().cpu()[0, 0], np.float32)
    model.zero_grad(set_to_none=True)
    model.train(was_training)
    return {name: _scaled(found) for name, found in maps.items()}


class _TappedModel(nn.Module):
    """A head's logits as a function of one input, with the features that it pools of it passing a layer `tap`."""

    def __init__(
        self,
        model: MultiTaskModel,
        images: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        *,
        name: str,
        head: str,
    ) -> None:
        super().__init__()
        self.model, self.images, self.present = model, images, present
        self.name, self.head = name, head
        self.tap = nn.Identity()

    def forward(self, image: Tensor) -> Tensor:
        pyramids = self.model.encode({**self.images, self.name: image}, self.present)
        head = self.model.classification_heads[self.head]
        decoder = head.decoder_of(self.name)  # type: ignore[operator]
        if decoder is None:
            *finer, coarsest = pyramids[self.name]
            pyramids[self.name] = [*finer, self.tap(coarsest)]
        features = self.model.decode(pyramids, self.present)
        if decoder is not None:
            found = features.segmentations[decoder]
            tapped = {decoder: replace(found, decoded=self.tap(found.decoded))}
            features = replace(features, segmentations={**features.segmentations, **tapped})
        logits: Tensor = head(features)
        return logits


def _positive(found: Tensor) -> Tensor:
    return torch.relu(found)


def _scaled(found: NDArray[np.float32]) -> NDArray[np.float32]:
    largest = float(found.max())
    return found / largest if largest > 0 else np.zeros_like(found)
