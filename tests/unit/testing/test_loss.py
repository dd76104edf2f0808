import pytest
import torch
from torch.nn import functional

from medweave.losses.loss import LOSSES, Activation, ClassificationLoss, SegmentationLoss, expand_labels
from medweave.testing.loss import LossContract

TESTS = [name for name in vars(LossContract) if name.startswith("test_") and "extreme" not in name]


class Squared(SegmentationLoss):
    def __init__(self, *, structures: int, activation: Activation) -> None:
        super().__init__()
        self.structures, self.activation = structures, activation

    def errors(self, logits, label_map):
        truth = expand_labels(label_map, structures=self.structures, activation=self.activation)
        return logits.sigmoid() - truth

    def forward(self, logits, label_map):
        return self.errors(logits, label_map).square().mean()


class Ascending(Squared):
    def forward(self, logits, label_map):
        return 1 - super().forward(logits, label_map)


class Backwards(Squared):
    def forward(self, logits, label_map):
        right = super().forward(logits, label_map)
        return 2 * right.detach() - right


class Unsafe(Squared):
    def forward(self, logits, label_map):
        return -self.errors(logits, label_map).abs().neg().add(1).log().mean()


class OfTheFirst(Squared):
    def forward(self, logits, label_map):
        return super().forward(logits[:1], label_map[:1])


class CrossEntropy(ClassificationLoss):
    def __init__(self, *, class_shares: tuple[float, ...], multi_label: bool) -> None:
        super().__init__()
        self.multi_label = multi_label

    def forward(self, logits, target):
        if self.multi_label:
            return functional.binary_cross_entropy_with_logits(logits, target)
        return functional.cross_entropy(logits, target)


class OfSingles(CrossEntropy):
    def forward(self, logits, target):
        return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.int64))


@pytest.fixture
def contract(monkeypatch):
    """Make the contract of a loss."""

    def make(component):
        LOSSES.names()
        monkeypatch.setitem(LOSSES._components, "mine", component)
        return type("Mine", (LossContract,), {"name": "mine"})()

    return make


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(("component", "n_cases"), [(Squared, 4), (CrossEntropy, 2)])
def test_a_sound_loss_passes_in_every_case_of_its_kind(component, n_cases, name, contract):
    mine = contract(component)
    assert len(mine.cases) == n_cases
    for case in mine.cases:
        getattr(mine, name)(case, {})
        mine.test_extreme_truths_and_logits_give_finite_losses_and_gradients(case, {}, 1e4)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Ascending, "test_the_right_answer_costs_next_to_nothing_and_the_wrong_one_more"),
        (OfSingles, "test_the_right_answer_costs_next_to_nothing_and_the_wrong_one_more"),
        (Backwards, "test_a_step_against_the_gradient_lowers_the_loss"),
        (OfTheFirst, "test_the_order_of_the_samples_does_not_matter"),
    ],
)
def test_a_fault_is_found_by_its_test(component, name, contract):
    mine = contract(component)
    with pytest.raises(AssertionError):
        getattr(mine, name)(mine.cases[0], {})


def test_a_loss_that_is_infinite_for_sure_errors_fails(contract):
    mine = contract(Unsafe)
    with pytest.raises(AssertionError):
        mine.test_extreme_truths_and_logits_give_finite_losses_and_gradients(mine.cases[0], {}, 1e4)
