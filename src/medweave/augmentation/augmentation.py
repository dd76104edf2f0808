"""The augmentation contract, its registry, and the seeded pipeline."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import torch
from monai.data import get_track_meta, set_track_meta
from monai.transforms import Compose, Transform
from pydantic import Field
from torch import Tensor

from medweave.core.registry import Registry

Probability = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class SampleKeys:
    """What a sample is made of.

    Attributes:
        images: Keys of the images, (C, *spatial) float32, normalised.
        label_maps: Keys of the label maps, (1, *spatial), on the images' grid.
        spatial_dims: 2 or 3.
    """

    images: tuple[str, ...]
    label_maps: tuple[str, ...]
    spatial_dims: int

    @property
    def all(self) -> tuple[str, ...]:
        """Every key, images first."""
        return (*self.images, *self.label_maps)

    @property
    def modes(self) -> tuple[str, ...]:
        """Interpolation of each key: images linearly, label maps by nearest neighbour."""
        return ("bilinear",) * len(self.images) + ("nearest",) * len(self.label_maps)


#: A factory takes the sample's keys and its own keyword arguments and returns a MONAI dictionary transform.
AugmentationFactory = Callable[..., Transform]
AUGMENTATIONS: Registry[AugmentationFactory] = Registry("augmentation", home="medweave.augmentation")
"""Random transforms by name."""


class AugmentationPipeline:
    """Random transforms in order, a pure function of the sample and a seed.

    Args:
        transforms: MONAI dictionary transforms.
    """

    def __init__(self, transforms: Sequence[Transform]) -> None:
        self._compose = Compose(list(transforms), map_items=False)

    def __call__(self, sample: Mapping[str, Tensor], *, seed: int) -> dict[str, Tensor]:
        """Return the transformed sample; one seed always gives one result, in any process."""
        self._compose.set_random_state(seed=seed)
        with torch.random.fork_rng(devices=[]), _without_history():
            torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would seed that of a GPU too
            transformed = self._compose(dict(sample))
        return {key: torch.as_tensor(value).as_subclass(Tensor) for key, value in transformed.items()}


@contextmanager
def _without_history() -> Iterator[None]:
    """Keep MONAI from writing down what is done to each tensor, which takes time and which nobody reads."""
    was_tracked = get_track_meta()
    set_track_meta(val=False)
    try:
        yield
    finally:
        set_track_meta(val=was_tracked)
