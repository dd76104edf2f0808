"""The multi-task model: an encoder an input, a head a task."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from medweave.models.encoders.encoder import Encoder, Stride
from medweave.models.features import Features, SegmentationOutput
from medweave.models.heads.head import ClassificationHead, SegmentationHead


class MultiTaskModel(nn.Module):
    """One encoder an input; segmentation heads on the input they are drawn on, classification heads on all inputs.

    In training an absent input is left out of its encoder and of its segmentation heads, so that no statistic is taken
    of it. In evaluation every sample is computed and what is absent is ignored, so that the graph is fixed.

    Args:
        encoders: By input.
        segmentation_heads: By task.
        classification_heads: By task.
        drawn_on: Input of each segmentation head.
    """

    def __init__(
        self,
        *,
        encoders: Mapping[str, Encoder],
        segmentation_heads: Mapping[str, SegmentationHead],
        classification_heads: Mapping[str, ClassificationHead],
        drawn_on: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.segmentation_heads = nn.ModuleDict(segmentation_heads)
        self.classification_heads = nn.ModuleDict(classification_heads)
        self.drawn_on = dict(drawn_on)

    @property
    def head_names(self) -> list[str]:
        """Names of all heads, segmentations first."""
        return [*self.segmentation_heads, *self.classification_heads]

    @property
    def size_divisors(self) -> dict[str, Stride]:
        """The number that each axis of each input must be a multiple of."""
        return {name: encoder.strides[-1] for name, encoder in self.encoders.items()}  # type: ignore[index,misc]

    def forward(self, images: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
        """Run the network.

        Args:
            images: (B, C, *spatial) of each input, every axis a multiple of its `size_divisors`.
            present: (B,) bool of each input.

        Returns:
            Logits of each head: (B, channels, *spatial) of a segmentation, finest first, one tensor in evaluation mode;
            (B, classes) of a classification. A segmentation whose input no sample of a training batch has is left out.
        """
        return self.answer(self.encode(images, present), present)

    def encode(self, images: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
        """Return the feature pyramid of each input; the rows of absent samples hold nothing of use."""
        pyramids = {}
        for name, image in images.items():
            rows = self._rows(present[name])
            if rows is not None and not len(rows):
                pyramids[name] = self._empty_pyramid(name, image)
                continue
            pyramid = self.encoders[name](image if rows is None else image[rows])
            pyramids[name] = [_spread(level, rows, image.shape[0]) for level in pyramid]
        return pyramids

    def answer(
        self, pyramids: Mapping[str, Sequence[Tensor]], present: Mapping[str, Tensor]
    ) -> dict[str, list[Tensor]]:
        """Return the logits of each head, as `forward` does."""
        features = self.decode(pyramids, present)
        return {
            **{name: output.logits for name, output in features.segmentations.items()},
            **{name: [head(features)] for name, head in self.classification_heads.items()},
        }

    def decode(self, pyramids: Mapping[str, Sequence[Tensor]], present: Mapping[str, Tensor]) -> Features:
        """Return what the classification heads may look at: the pyramids and what the segmentation heads make of it."""
        segmentations = {}
        for name, head in self.segmentation_heads.items():
            pyramid, flags = pyramids[self.drawn_on[name]], present[self.drawn_on[name]]
            rows = self._rows(flags)
            if rows is not None and not len(rows):
                continue
            output: SegmentationOutput = head(pyramid if rows is None else [level[rows] for level in pyramid])
            segmentations[name] = SegmentationOutput(
                logits=[_spread(level, rows, flags.shape[0]) for level in output.logits],
                decoded=_spread(output.decoded, rows, flags.shape[0]),
            )
        return Features(pyramids, segmentations, present)

    def pooled_features(self, pyramids: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
        """Return the mean over all places of each input's coarsest features, (B, F) float32."""
        return {name: pyramid[-1].float().flatten(2).mean(dim=2) for name, pyramid in pyramids.items()}

    def _rows(self, present: Tensor) -> Tensor | None:
        """Return the samples to compute, or None for all."""
        if not self.training or bool(present.all()):
            return None
        return present.nonzero()[:, 0]

    def _empty_pyramid(self, name: str, image: Tensor) -> list[Tensor]:
        encoder = self.encoders[name]
        return [
            image.new_zeros(
                (len(image), channels, *(size // step for size, step in zip(image.shape[2:], stride, strict=True)))
            )
            for channels, stride in zip(encoder.channels, encoder.strides, strict=True)  # type: ignore[arg-type]
        ]


def _spread(values: Tensor, rows: Tensor | None, batch: int) -> Tensor:
    """Return a batch that holds `values` in the given rows and zeros elsewhere."""
    if rows is None:
        return values
    return torch.zeros((batch, *values.shape[1:]), dtype=values.dtype, device=values.device).index_copy(0, rows, values)
