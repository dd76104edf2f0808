"""The contract of heads: of segmentations, which see the pyramid of an input, and of classes, which see everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from medweave.building.model import HEAD_ARGUMENTS
from medweave.models.encoders.encoder import equal_strides
from medweave.models.features import FeatureChannels, Features, SegmentationOutput
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.heads.head import HEADS, logit_channels
from medweave.testing.contract import Contract

CHANNELS = (4, 6, 8)
SIZE = (12, 20, 4)
#: Structures of a segmentation, and classes.
ANSWERS = 3


@dataclass(frozen=True)
class SegmentationCase:
    """A pyramid of an input, and what the builder gives with it.

    Attributes:
        axes: 2 or 3.
        reductions: Of the pyramid's levels, the same along every axis.
    """

    axes: int
    reductions: tuple[int, ...]

    @property
    def given(self) -> dict[str, object]:
        """The arguments of the builder."""
        strides = equal_strides(*self.reductions, spatial_dims=self.axes)
        return {"channels": CHANNELS, "strides": strides, "structures": ANSWERS, "spatial_dims": self.axes}

    def leaves(self, batch: int) -> list[list[Tensor]]:
        """Return the levels of a pyramid, each of which must matter."""
        generator = torch.Generator().manual_seed(1)
        return [
            [_maps(generator, batch, channels, *(count // step for count in SIZE[: self.axes]))]
            for channels, step in zip(CHANNELS, self.reductions, strict=True)
        ]

    def features(self, leaves: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """Return what the head is called with."""
        return [level for (level,) in leaves]

    def logits(self, output: SegmentationOutput) -> list[Tensor]:
        """Return the logits of an answer, the finest first."""
        return output.logits

    def check(self, head: nn.Module, output: SegmentationOutput) -> None:
        """Check the sizes of an answer to two images."""
        size = SIZE[: self.axes]
        channels = logit_channels(ANSWERS, head.activation)  # type: ignore[arg-type]
        assert output.logits[0].shape == (2, channels, *size)
        assert output.decoded.shape == (2, head.decoded_channels, *size)
        assert head.training or len(output.logits) == 1


@dataclass(frozen=True)
class ClassificationCase:
    """The features of a volume with a segmentation head and a picture without, and what the builder gives with them."""

    @property
    def given(self) -> dict[str, object]:
        """The arguments of the builder."""
        sources = FeatureChannels(
            pyramids={"mri": CHANNELS, "xray": CHANNELS},
            decoded={"heart": 5},
            activations={"heart": "softmax"},
            inputs={"heart": "mri"},
        )
        return {"sources": sources, "make_fusion": _fusion, "classes": ANSWERS}

    def leaves(self, batch: int) -> list[list[Tensor]]:
        """Return the levels of the pyramids, one of each of which must matter, and what the segmentation made."""
        generator = torch.Generator().manual_seed(1)
        sizes = list(zip(CHANNELS, (8, 4, 2), strict=True))
        return [
            [_maps(generator, batch, count, size, size, 4) for count, size in sizes],
            [_maps(generator, batch, count, size, size) for count, size in sizes],
        ]

    def features(self, leaves: Sequence[Sequence[Tensor]]) -> Features:
        """Return what the head is called with."""
        batch, generator = len(leaves[0][0]), torch.Generator().manual_seed(2)
        # Drawn for four samples, so that each has the same whatever the size of the batch.
        logits, decoded = (torch.randn(4, count, 8, 8, 4, generator=generator)[:batch] for count in (ANSWERS + 1, 5))
        present = torch.ones(batch, dtype=torch.bool)
        return Features(
            pyramids=dict(zip(("mri", "xray"), leaves, strict=True)),
            segmentations={"heart": SegmentationOutput([logits], decoded)},
            present={"mri": present, "xray": present},
        )

    def logits(self, output: Tensor) -> list[Tensor]:
        """Return the logits of an answer."""
        return [output]

    def check(self, _head: nn.Module, output: Tensor) -> None:
        """Check the size of an answer to two cases."""
        assert output.shape == (2, ANSWERS)


Case = SegmentationCase | ClassificationCase


class HeadContract(Contract):
    """A head gives raw logits of the right size, by which it and what is before it learn.

    Attributes:
        spatial_dims: Numbers of axes that a segmentation head can do.
        reductions: Of the levels of a pyramid that a segmentation head takes.
    """

    registry = HEADS
    given = HEAD_ARGUMENTS
    spatial_dims: ClassVar[tuple[int, ...]] = (2, 3)
    reductions: ClassVar[tuple[int, ...]] = (1, 2, 4)

    @property
    def cases(self) -> Sequence[Case]:
        """Those of the head's kind."""
        if self.component.kind == "classification":
            return [ClassificationCase()]
        return [SegmentationCase(axes, self.reductions) for axes in self.spatial_dims]

    def build(self, case: Case, parameters: Mapping[str, Any]) -> nn.Module:
        """Build the head with weights that are always the same."""
        torch.manual_seed(0)
        head: nn.Module = self.component(**case.given, **parameters)
        return head

    @pytest.mark.parametrize("is_training", [True, False])
    def test_the_answer_has_the_size_that_its_kind_demands(
        self, case: Case, parameters: Mapping[str, Any], *, is_training: bool
    ) -> None:
        head = self.build(case, parameters).train(is_training)
        case.check(head, head(case.features(case.leaves(2))))

    def test_logits_are_not_activated(self, case: Case, parameters: Mapping[str, Any]) -> None:
        head = self.build(case, parameters).eval()
        scaled = [[100 * maps for maps in group] for group in case.leaves(2)]
        logits = case.logits(head(case.features(scaled)))[0]
        assert logits.min() < 0 or logits.max() > 1  # as no probability is
        assert not torch.allclose(logits.sum(dim=1), torch.ones(()))

    def test_gradients_reach_every_parameter_and_every_input(self, case: Case, parameters: Mapping[str, Any]) -> None:
        head, leaves = self.build(case, parameters), case.leaves(4)
        levels = case.logits(head(case.features(leaves)))
        torch.stack([level.square().sum() for level in levels]).sum().backward()  # type: ignore[no-untyped-call]
        assert [key for key, parameter in head.named_parameters() if parameter.grad is None] == []
        assert [number for number, group in enumerate(leaves) if not any(_is_used(maps) for maps in group)] == []

    def test_one_seed_gives_one_head(self, case: Case, parameters: Mapping[str, Any]) -> None:
        # Both are built first, so that what a head draws when it is called differs.
        first, second = (self.build(case, parameters).eval() for _ in range(2))
        features = case.features(case.leaves(2))
        assert torch.equal(case.logits(first(features))[0], case.logits(second(features))[0])

    def test_samples_do_not_see_each_other_in_evaluation(self, case: Case, parameters: Mapping[str, Any]) -> None:
        head, leaves = self.build(case, parameters).eval(), case.leaves(4)
        alone = head(case.features([[maps[:1] for maps in group] for group in leaves]))
        together = head(case.features(leaves))
        assert torch.allclose(case.logits(alone)[0], case.logits(together)[0][:1], atol=1e-5)

    def test_a_training_batch_of_one_sample_is_answered(self, case: Case, parameters: Mapping[str, Any]) -> None:
        head = self.build(case, parameters).train()
        levels = case.logits(head(case.features(case.leaves(1))))
        assert all(torch.isfinite(level).all() for level in levels)


def _fusion(channels: Mapping[str, int]) -> ConcatFusion:
    return ConcatFusion(channels=channels)


def _maps(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator).requires_grad_()


def _is_used(maps: Tensor) -> bool:
    return maps.grad is not None and bool(maps.grad.abs().sum() > 0)
