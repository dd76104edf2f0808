from functools import partial

import numpy as np
import pytest
import torch
from monai.losses import FocalLoss
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from medweave.losses.classification import CrossEntropy, Focal

SHARES = (0.5, 0.3, 0.2)
WEIGHTS = (0.5, 2.0, 3.5)


def _one_of_three(cases=7):
    generator = torch.Generator().manual_seed(0)
    return 2 * torch.randn(cases, 3, generator=generator), torch.randint(0, 3, (cases,), generator=generator)


def _any_of_three(cases=7):
    generator = torch.Generator().manual_seed(1)
    return 2 * torch.randn(cases, 3, generator=generator), torch.randint(0, 2, (cases, 3), generator=generator).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_is_torch_s_where_the_batch_is_divided_as_the_training_cases_are(weights, smoothing):
    logits, _ = _one_of_three(10)
    target = torch.tensor([0] * 5 + [1] * 3 + [2] * 2)
    module = torch.nn.CrossEntropyLoss(
        weight=None if weights is None else torch.tensor(weights), label_smoothing=smoothing
    )
    loss = CrossEntropy(class_shares=SHARES, multi_label=False, class_weights=weights, label_smoothing=smoothing)
    assert loss(logits, target).item() == pytest.approx(module(logits, target).item(), rel=1e-6)


@pytest.mark.parametrize("make", [CrossEntropy, partial(Focal, gamma=2.0)])
@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_balanced_classes_count_alike_whatever_the_batch(make, batch_size):
    # All are answered alike; the rare class has a tenth of the cases and half of the gradient.
    loss = make(class_shares=(0.9, 0.1), multi_label=False, class_weights="balanced")
    targets = torch.tensor([0] * 9 + [1])[torch.randperm(10, generator=torch.Generator().manual_seed(0))]
    pulls = [0.0, 0.0]
    for batch in targets.split(batch_size):
        logits = torch.zeros(len(batch), 2, requires_grad=True)
        loss(logits, batch).backward()
        for target, gradient in zip(batch, logits.grad * len(batch), strict=True):
            pulls[target] += gradient.abs().sum().item()
    assert pulls[1] / sum(pulls) == pytest.approx(0.5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_several_labels_a_case_are_torch_s_binary_cross_entropies_with_weights_of_yes(weights):
    logits, target = _any_of_three()
    module = torch.nn.BCEWithLogitsLoss(pos_weight=None if weights is None else torch.tensor(weights))
    loss = CrossEntropy(class_shares=SHARES, multi_label=True, class_weights=weights)
    assert torch.equal(loss(logits, target), module(logits, target))


def test_smoothing_of_several_labels_moves_each_answer_towards_one_half():
    logits, target = _any_of_three()
    expected = functional.binary_cross_entropy_with_logits(logits, torch.where(target > 0, 0.9, 0.1))
    loss = CrossEntropy(class_shares=SHARES, multi_label=True, label_smoothing=0.2)
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("loss_class", [CrossEntropy, Focal])
def test_balanced_weights_are_scikit_learn_s(loss_class):
    classes = np.repeat([0, 1, 2], [10, 6, 4])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=classes)
    loss = loss_class(class_shares=SHARES, multi_label=False, class_weights="balanced")
    assert loss.weights.tolist() == pytest.approx(expected.tolist(), rel=1e-6)


@pytest.mark.parametrize("loss_class", [CrossEntropy, Focal])
def test_balanced_weights_of_several_labels_make_yes_count_as_much_as_no(loss_class):
    # Of ten cases one has the label: nine weigh one each, the tenth nine.
    loss = loss_class(class_shares=(0.1, 0.5), multi_label=True, class_weights="balanced")
    assert loss.weights.tolist() == pytest.approx([9.0, 1.0], rel=1e-6)


@pytest.mark.parametrize("gamma", [1.0, 2.0, 3.5])
def test_focal_is_monai_s(gamma):
    logits, target = _one_of_three()
    # MONAI averages over the classes as well, of which all but the true one are zero.
    expected = 3 * FocalLoss(use_softmax=True, to_onehot_y=True, gamma=gamma)(logits, target[:, None])
    loss = Focal(class_shares=SHARES, multi_label=False, gamma=gamma)
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_focal_with_weights_is_monai_s_divided_by_their_mean_over_the_training_cases():
    logits, target = _one_of_three()
    terms = FocalLoss(use_softmax=True, to_onehot_y=True, weight=WEIGHTS, reduction="none")(logits, target[:, None])
    expected = terms.sum(dim=1).mean() / np.dot(SHARES, WEIGHTS)
    loss = Focal(class_shares=SHARES, multi_label=False, class_weights=WEIGHTS)
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_of_several_labels_a_case_is_monai_s(weights):
    logits, target = _any_of_three()
    expected = FocalLoss(gamma=2.0, alpha=weights)(logits, target)
    loss = Focal(class_shares=SHARES, multi_label=True, class_weights=weights)
    assert loss(logits, target).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("example", [_one_of_three, _any_of_three])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_with_exponent_zero_is_the_cross_entropy(example, weights):
    logits, target = example()
    given = {"class_shares": SHARES, "multi_label": example is _any_of_three, "class_weights": weights}
    expected = CrossEntropy(**given)(logits, target).item()
    assert Focal(**given, gamma=0.0)(logits, target).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("loss_class", [CrossEntropy, Focal])
def test_a_weight_for_each_class_is_needed(loss_class):
    with pytest.raises(ValueError, match="class_weights needs a weight for each of 3 classes"):
        loss_class(class_shares=SHARES, multi_label=False, class_weights=[1.0, 2.0])


def test_weights_are_no_part_of_a_checkpoint():
    assert CrossEntropy(class_shares=SHARES, multi_label=False, class_weights="balanced").state_dict() == {}
