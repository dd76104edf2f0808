"""A classification head: pooling, fusion, a multilayer perceptron."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Annotated

from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional

from medweave.models.features import FeatureChannels, Features
from medweave.models.fusion.fusion import Fusion
from medweave.models.heads.head import HEADS, ClassificationHead
from medweave.models.pooling import FeaturePooling, PoolFrom, PoolingKind

Dropout = Annotated[float, Field(ge=0, lt=1)]


class VectorNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a training batch of one sample, which has no variance, as in evaluation."""

    def forward(self, vectors: Tensor) -> Tensor:
        """Return normalised vectors (B, C)."""
        if self.training and len(vectors) == 1:
            return functional.batch_norm(
                vectors, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(vectors)


@HEADS.register("pooled_mlp")
class PooledMLPHead(ClassificationHead):
    """Pools each input's features, fuses the vectors, and classifies them.

    The layers are: dropout, then for each hidden layer linear, ReLU, normalisation and dropout, then linear to the
    classes. With no hidden layer it is the linear classifier of DenseNet and ResNet.

    Args:
        sources: Widths of the features.
        make_fusion: Makes the fusion.
        classes: Number of classes.
        hidden: Width of each hidden layer.
        dropout: Probability before the first linear layer and after each hidden layer, one number or one each.
        batch_norm: Normalise after each hidden layer's ReLU.
        pool_from: "bottleneck" or "decoder".
        pooling: "average", "max" or "mask".
    """

    def __init__(
        self,
        *,
        sources: FeatureChannels,
        make_fusion: Callable[[Mapping[str, int]], Fusion],
        classes: int,
        hidden: Sequence[PositiveInt] = (256, 128),
        dropout: Sequence[Dropout] = (0.5, 0.3, 0.2),
        batch_norm: bool = True,
        pool_from: PoolFrom = "bottleneck",
        pooling: PoolingKind = "average",
    ) -> None:
        super().__init__()
        if len(dropout) != len(hidden) + 1:
            message = f"dropout needs one number more than hidden has layers, {len(hidden) + 1}; got {len(dropout)}"
            raise ValueError(message)
        self.pooling = FeaturePooling(sources=sources, pool_from=pool_from, pooling=pooling)
        self.fusion = make_fusion(self.pooling.channels)
        widths = [self.fusion.out_features, *hidden]
        layers: list[nn.Module] = [nn.Dropout(dropout[0])]
        for (before, after), share in zip(pairwise(widths), dropout[1:], strict=True):
            layers += [nn.Linear(before, after), nn.ReLU()]
            layers += [VectorNorm(after)] if batch_norm else []
            layers += [nn.Dropout(share)]
        self.classifier = nn.Sequential(*layers, nn.Linear(widths[-1], classes))

    @property
    def looks_at_segmentations(self) -> bool:
        """Whether it pools decoded features, or within a predicted mask."""
        return self.pooling.looks_at_segmentations

    def decoder_of(self, input_name: str) -> str | None:
        """Return the first segmentation head on an input where the head pools from the decoder."""
        return self.pooling.heads[input_name] if input_name in self.pooling.decoded else None

    def forward(self, features: Features) -> Tensor:
        """Return logits (B, classes)."""
        logits: Tensor = self.classifier(self.fusion(self.pooling(features), features.present))
        return logits
