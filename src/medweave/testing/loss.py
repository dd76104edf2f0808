"""The contract of losses, of segmentations and of classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from medweave.building.training import LOSS_ARGUMENTS
from medweave.losses.loss import LOSSES, Activation, expand_labels
from medweave.testing.contract import Contract

SIZES = {2: (12, 10), 3: (6, 7, 5)}
STRUCTURES, CLASSES = 2, 3
#: Largest loss of an answer that is right and sure of it.
NEXT_TO_NOTHING = 0.01


@dataclass(frozen=True)
class LabelMaps:
    """Two label maps of two structures.

    Attributes:
        axes: 2 or 3.
        activation: Of the head that is judged.
    """

    axes: int
    activation: Activation

    @property
    def given(self) -> dict[str, object]:
        """The arguments of the builder."""
        return {"structures": STRUCTURES, "activation": self.activation}

    @property
    def truth(self) -> Tensor:
        """The label maps (2, *spatial)."""
        return torch.randint(0, STRUCTURES + 1, (2, *SIZES[self.axes]), generator=torch.Generator().manual_seed(0))

    @property
    def wrong(self) -> Tensor:
        """Label maps that are wrong everywhere."""
        return (self.truth + 1) % (STRUCTURES + 1)

    @property
    def extremes(self) -> list[Tensor]:
        """Label maps of background alone, and of one structure alone."""
        return [torch.full_like(self.truth, value) for value in (0, 1)]

    def channels(self, truth: Tensor) -> Tensor:
        """Return one binary channel for each channel of the logits."""
        return expand_labels(truth, structures=STRUCTURES, activation=self.activation)


@dataclass(frozen=True)
class Targets:
    """The classes of six cases.

    Attributes:
        multi_label: A case may have several.
    """

    multi_label: bool

    @property
    def given(self) -> dict[str, object]:
        """The arguments of the builder."""
        return {"class_shares": (0.5, 0.3, 0.2), "multi_label": self.multi_label}

    @property
    def truth(self) -> Tensor:
        """The targets, (6,) or (6, classes)."""
        if not self.multi_label:
            return torch.tensor([0, 1, 2, 0, 1, 1])
        return torch.randint(0, 2, (6, CLASSES), generator=torch.Generator().manual_seed(0)).float()

    @property
    def wrong(self) -> Tensor:
        """Targets that are all wrong."""
        return 1 - self.truth if self.multi_label else (self.truth + 1) % CLASSES

    @property
    def extremes(self) -> list[Tensor]:
        """The targets of one case, and of all."""
        return [self.truth[:1], self.truth]

    def channels(self, truth: Tensor) -> Tensor:
        """Return one binary channel for each logit."""
        return truth if self.multi_label else torch.eye(CLASSES)[truth]


Case = LabelMaps | Targets


class LossContract(Contract):
    """A loss is small for the right answer and larger for others, and its gradient leads there."""

    registry = LOSSES
    given = LOSS_ARGUMENTS

    @property
    def cases(self) -> Sequence[Case]:
        """Those of the loss's kind."""
        if self.component.kind == "classification":
            return [Targets(multi_label=False), Targets(multi_label=True)]
        activations: tuple[Activation, ...] = ("softmax", "sigmoid")
        return [LabelMaps(axes, activation) for axes in SIZES for activation in activations]

    def build(self, case: Case, parameters: Mapping[str, Any]) -> nn.Module:
        """Build the loss."""
        loss: nn.Module = self.component(**case.given, **parameters)
        return loss

    def test_the_right_answer_costs_next_to_nothing_and_the_wrong_one_more(
        self, case: Case, parameters: Mapping[str, Any]
    ) -> None:
        loss, truth = self.build(case, parameters), case.truth
        right = loss(_answer(case, truth), truth)
        unsure = loss(_answer(case, truth, confidence=0.1), truth)
        wrong = loss(_answer(case, case.wrong), truth)
        assert right.shape == ()
        assert 0 <= right.item() < NEXT_TO_NOTHING
        assert right < unsure < wrong

    @pytest.mark.parametrize("scale", [0.0, 1e4])
    def test_extreme_truths_and_logits_give_finite_losses_and_gradients(
        self, case: Case, parameters: Mapping[str, Any], scale: float
    ) -> None:
        loss = self.build(case, parameters)
        for truth in case.extremes:
            logits = (scale * _random(case, truth)).requires_grad_()
            term = loss(logits, truth)
            term.backward()
            assert torch.isfinite(term)
            assert logits.grad is not None
            assert torch.isfinite(logits.grad).all()

    def test_a_step_against_the_gradient_lowers_the_loss(self, case: Case, parameters: Mapping[str, Any]) -> None:
        loss, truth = self.build(case, parameters), case.truth
        logits = _random(case, truth).requires_grad_()
        before = loss(logits, truth)
        (gradient,) = torch.autograd.grad(before, logits)
        assert gradient.abs().sum() > 0
        assert loss(logits - 0.1 * gradient / gradient.norm(), truth) < before

    def test_the_order_of_the_samples_does_not_matter(self, case: Case, parameters: Mapping[str, Any]) -> None:
        loss, truth = self.build(case, parameters), case.truth
        logits = _random(case, truth)
        assert loss(logits.flip(0), truth.flip(0)).item() == pytest.approx(loss(logits, truth).item(), rel=1e-5)


def _answer(case: Case, truth: Tensor, *, confidence: float = 12.0) -> Tensor:
    """Return logits that are sure of an answer, more or less."""
    return confidence * (2 * case.channels(truth) - 1)


def _random(case: Case, truth: Tensor) -> Tensor:
    shape = case.channels(truth).shape
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))
