"""From feature maps to one vector an input."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from medweave.models.features import Activation, FeatureChannels, Features

PoolFrom = Literal["bottleneck", "decoder"]
PoolingKind = Literal["average", "max", "mask"]


class FeaturePooling(nn.Module):
    """Pools the features of each input over space.

    Args:
        sources: Widths of the features.
        pool_from: "bottleneck" (the encoder's coarsest level) or "decoder" (the finest decoded features of the first
            segmentation head on an input; an input without one gives its bottleneck).
        pooling: "average", "max", or "mask": the average weighted by the predicted probability of any structure,
            through which no gradient flows; an input without a segmentation head is averaged.

    Attributes:
        channels: Length of each input's vector.
        looks_at_segmentations: Whether any vector depends on a segmentation head.
    """

    def __init__(self, *, sources: FeatureChannels, pool_from: PoolFrom, pooling: PoolingKind) -> None:
        super().__init__()
        self.pooling = pooling
        self.heads: dict[str, str] = {}
        for head, name in sources.inputs.items():
            self.heads.setdefault(name, head)
        if not self.heads and (pool_from == "decoder" or pooling == "mask"):
            message = (
                f"pool_from {pool_from!r} with pooling {pooling!r} needs a segmentation head in the same recipe; "
                "set pool_from: bottleneck and pooling: average"
            )
            raise ValueError(message)
        self.decoded = set(self.heads) if pool_from == "decoder" else set()
        self.looks_at_segmentations = pool_from == "decoder" or pooling == "mask"
        self.activations = dict(sources.activations)
        self.channels = {
            name: sources.decoded[self.heads[name]] if name in self.decoded else levels[-1]
            for name, levels in sources.pyramids.items()
        }

    def forward(self, features: Features) -> Mapping[str, Tensor]:
        """Return the vector (B, C) of each input."""
        return {name: self._pool(name, features) for name in self.channels}

    def _pool(self, name: str, features: Features) -> Tensor:
        segmentation = features.segmentations.get(self.heads.get(name, ""))
        if segmentation is None and name in self.decoded:  # no sample of this training batch has the input
            level = features.pyramids[name][-1]
            return level.new_zeros((len(level), self.channels[name]))
        maps = segmentation.decoded if segmentation and name in self.decoded else features.pyramids[name][-1]
        space = tuple(range(2, maps.ndim))
        if self.pooling == "max":
            return maps.amax(dim=space)
        if self.pooling == "mask" and segmentation is not None:
            weights = foreground_probability(segmentation.logits[0].detach(), self.activations[self.heads[name]])
            weights = cell_means(weights, maps.shape[2:]) + 1e-6  # a mask that is empty weighs all alike
            pooled: Tensor = (maps * weights).sum(dim=space) / weights.sum(dim=space)
            return pooled
        if self.training:
            # The gradient of `mean` is written out in the contiguous format, which convolutions have to leave again.
            mean: Tensor = maps.sum(dim=space) / maps[0, 0].numel()
            return mean
        return maps.mean(dim=space)


def cell_means(maps: Tensor, cells: Sequence[int]) -> Tensor:
    """Return the mean in each cell of a coarser grid, as area interpolation does, which ONNX does not know.

    Args:
        maps: (B, C, *spatial).
        cells: Along each axis; they divide the map's size.
    """
    split = [part for size, count in zip(maps.shape[2:], cells, strict=True) for part in (count, size // count)]
    return maps.reshape(*maps.shape[:2], *split).mean(dim=tuple(range(3, 3 + len(split), 2)))


def foreground_probability(logits: Tensor, activation: Activation) -> Tensor:
    """Return the probability of any structure, (B, 1, *spatial), from logits (B, channels, *spatial)."""
    if activation == "softmax":
        return 1 - torch.softmax(logits, dim=1)[:, :1]
    return torch.sigmoid(logits).amax(dim=1, keepdim=True)
