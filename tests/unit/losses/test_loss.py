import math

import pytest
import torch
from torch.nn import functional

from medweave.losses.classification import Focal
from medweave.losses.loss import MultiTaskLoss, SegmentationLoss, WeightedLoss, expand_labels
from medweave.losses.overlap import DiceCrossEntropy


class MeanLogit(SegmentationLoss):
    """The mean logit, plus the mean label."""

    def forward(self, logits, label_map):
        return logits.mean() + label_map.float().mean()


class CrossEntropy(SegmentationLoss):
    def forward(self, logits, label_map):
        return functional.cross_entropy(logits, label_map)


def _present(*flags):
    return {"heart": torch.tensor(flags)}


def _dice_ce(weight=1.0):
    return MultiTaskLoss({"heart": WeightedLoss(DiceCrossEntropy(structures=2, activation="softmax"), weight)})


def test_labels_become_one_channel_a_class():
    labels = torch.tensor([[[0, 1], [2, 0]]])
    softmax = expand_labels(labels, structures=2, activation="softmax")
    assert softmax.tolist() == [[[[1, 0], [0, 1]], [[0, 1], [0, 0]], [[0, 0], [1, 0]]]]
    assert torch.equal(expand_labels(labels, structures=2, activation="sigmoid"), softmax[:, 1:])


def test_the_terms_are_weighted():
    logits, labels = {"heart": [torch.randn(2, 3, 8, 8)]}, {"heart": torch.randint(0, 3, (2, 8, 8))}
    single = _dice_ce()(logits, labels, _present(True, True))["heart"]
    assert _dice_ce(2.5)(logits, labels, _present(True, True))["heart"].item() == pytest.approx(2.5 * single.item())


def test_a_masked_sample_has_no_influence_and_no_gradient():
    logits = torch.randn(3, 3, 8, 8, requires_grad=True)
    labels = torch.randint(0, 3, (3, 8, 8))
    present = _present(True, False, True)
    term = _dice_ce()({"heart": [logits]}, {"heart": labels}, present)["heart"]
    term.backward()
    assert logits.grad[1].abs().max() == 0
    assert logits.grad[0].abs().max() > 0
    kept = _dice_ce()({"heart": [logits[[0, 2]]]}, {"heart": labels[[0, 2]]}, _present(True, True))["heart"]
    assert torch.equal(term, kept)
    labels[1], changed = 0, logits.detach().clone()
    changed[1] = 1e6
    assert torch.equal(_dice_ce()({"heart": [changed]}, {"heart": labels}, present)["heart"], term.detach())


def test_a_batch_without_truth_gives_no_term():
    logits = torch.full((2, 3, 8, 8), torch.inf)
    assert _dice_ce()({"heart": [logits]}, {"heart": torch.zeros(2, 8, 8).long()}, _present(False, False)) == {}


def test_one_head_without_truth_leaves_the_other_alone():
    loss = MultiTaskLoss({"a": WeightedLoss(CrossEntropy(), 1.0), "b": WeightedLoss(CrossEntropy(), 1.0)})
    logits, labels = torch.randn(2, 2, 8, 8), torch.randint(0, 2, (2, 8, 8))
    present = {"a": torch.tensor([True, True]), "b": torch.tensor([False, False])}
    terms = loss({"a": [logits], "b": [logits]}, {"a": labels, "b": labels}, present)
    assert list(terms) == ["a"]
    assert terms["a"].item() == pytest.approx(functional.cross_entropy(logits, labels).item())


def test_a_head_without_logits_gives_no_term():
    assert _dice_ce()({}, {"heart": torch.zeros(1, 8, 8).long()}, _present(True)) == {}


def _two_heads(**settings):
    """A segmentation with weight 2 and a classification, which a mean logit of 0.5 and a cross-entropy stand for."""
    terms = {
        "heart": WeightedLoss(MeanLogit(), 2.0),
        "side": WeightedLoss(Focal(class_shares=(0.5, 0.5), multi_label=False, gamma=0.0), 1.0),
    }
    loss = MultiTaskLoss(terms, **settings)
    logits = {"heart": [torch.full((2, 2, 4, 4), 0.5)], "side": [torch.tensor([[0.3, -0.2], [0.1, 0.4]])]}
    truths = {"heart": torch.zeros(2, 4, 4).long(), "side": torch.tensor([1, 0])}
    return loss, logits, truths


def test_classes_and_label_maps_are_masked_each_by_their_own_presence():
    loss, logits, truths = _two_heads()
    terms = loss(logits, truths, {"heart": torch.tensor([True, False]), "side": torch.tensor([False, True])})
    assert terms["heart"].item() == pytest.approx(1.0)
    expected = functional.cross_entropy(logits["side"][0][1:], truths["side"][1:])
    assert terms["side"].item() == pytest.approx(expected.item())
    assert loss.total(terms).item() == pytest.approx(1.0 + expected.item())


def test_learned_weights_begin_at_the_fixed_ones():
    loss, logits, truths = _two_heads(learn_weights=True)
    terms = loss(logits, truths, {"heart": torch.ones(2).bool(), "side": torch.ones(2).bool()})
    assert loss.learned_weights == {"heart": 2.0, "side": 1.0}
    # Each regulariser is log(2) / 2 at a variance of 1, times the head's weight.
    assert loss.total(terms).item() == pytest.approx(sum(terms.values()).item() + 3 * math.log(2) / 2)


def test_a_learned_weight_is_the_uncertainty_s_formula_and_its_gradient_vanishes_at_the_optimum():
    loss, _, _ = _two_heads(learn_weights=True)
    term = torch.tensor(2 * 0.3)  # a loss of 0.3 at weight 2
    variance = 0.3 + math.sqrt(0.3**2 + 2 * 0.3)  # the root of variance^2 = 2 loss (1 + variance)
    with torch.no_grad():
        loss.log_variances["heart"].fill_(math.log(variance))
    total = loss.total({"heart": term})
    assert total.item() == pytest.approx(2 * (0.3 / variance + math.log(1 + variance) / 2))
    total.backward()
    assert loss.log_variances["heart"].grad.item() == pytest.approx(0, abs=1e-6)
    assert loss.learned_weights["heart"] == pytest.approx(2 / variance)


def test_a_head_without_truth_does_not_move_its_learned_weight():
    loss, logits, truths = _two_heads(learn_weights=True)
    terms = loss(logits, truths, {"heart": torch.tensor([False, False]), "side": torch.tensor([True, True])})
    loss.total(terms).backward()
    assert loss.log_variances["heart"].grad is None
    assert loss.log_variances["side"].grad.abs() > 0


def test_deep_supervision_halves_the_weight_of_each_coarser_level_and_they_sum_to_one():
    loss = MultiTaskLoss({"heart": WeightedLoss(MeanLogit(), 1.0)})
    levels = [torch.full((1, 2, size, size), value) for size, value in ((8, 1.0), (4, 10.0), (2, 100.0))]
    labels = {"heart": torch.zeros(1, 8, 8, dtype=torch.int64)}
    term = loss({"heart": levels}, labels, _present(True))["heart"]
    assert term.item() == pytest.approx((4 * 1 + 2 * 10 + 1 * 100) / 7)


def test_deep_supervision_sees_labels_by_nearest_neighbour():
    loss = MultiTaskLoss({"heart": WeightedLoss(CrossEntropy(), 1.0)})
    fine, coarse = torch.randn(1, 3, 8, 8, 4), torch.randn(1, 3, 4, 4, 2)
    labels = torch.randint(0, 3, (1, 8, 8, 4))
    term = loss({"heart": [fine, coarse]}, {"heart": labels}, _present(True))["heart"]
    expected = (
        2 * functional.cross_entropy(fine, labels) + functional.cross_entropy(coarse, labels[:, ::2, ::2, ::2])
    ) / 3
    assert term.item() == pytest.approx(expected.item(), rel=1e-6)


def test_logits_of_half_precision_are_judged_in_float32():
    logits, labels = torch.randn(1, 3, 8, 8).bfloat16(), torch.randint(0, 3, (1, 8, 8))
    term = _dice_ce()({"heart": [logits]}, {"heart": labels}, _present(True))["heart"]
    assert term.dtype == torch.float32
    assert torch.equal(term, _dice_ce()({"heart": [logits.float()]}, {"heart": labels}, _present(True))["heart"])
