import pytest
import torch

from medweave.losses.loss import LOSSES, expand_labels

NAMES = [name for name in LOSSES.names() if LOSSES.get(name).kind == "segmentation"]
CLASS_NAMES = [name for name in LOSSES.names() if LOSSES.get(name).kind == "classification"]
SIZES = {2: (12, 10), 3: (6, 7, 5)}
CASES = [(name, axes, activation) for name in NAMES for axes in (2, 3) for activation in ("softmax", "sigmoid")]
CLASS_CASES = [(name, multi_label) for name in CLASS_NAMES for multi_label in (False, True)]


def _loss(name, activation):
    return LOSSES.get(name)(structures=2, activation=activation)


def _truth(axes):
    return torch.randint(0, 3, (2, *SIZES[axes]), generator=torch.Generator().manual_seed(0))


def _logits_of(label_map, activation, *, confidence=12.0):
    return confidence * (2 * expand_labels(label_map, structures=2, activation=activation) - 1)


def test_there_are_losses() -> None:
    assert {"dice", "dice_ce", "dice_focal", "tversky"} <= set(NAMES)
    assert {"cross_entropy", "focal"} <= set(CLASS_NAMES)
    assert {*NAMES, *CLASS_NAMES} == set(LOSSES.names())


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_the_right_answer_costs_next_to_nothing_and_the_wrong_one_more(name, axes, activation):
    loss, truth = _loss(name, activation), _truth(axes)
    right = loss(_logits_of(truth, activation), truth)
    unsure = loss(_logits_of(truth, activation, confidence=0.1), truth)
    wrong = loss(_logits_of((truth + 1) % 3, activation), truth)
    assert right.shape == ()
    assert 0 <= right.item() < 0.01
    assert right < unsure < wrong


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
@pytest.mark.parametrize("value", [0, 1])
def test_uniform_label_maps_and_extreme_logits_give_finite_losses_and_gradients(name, axes, activation, value):
    truth = torch.full((2, *SIZES[axes]), value)
    for scale in (0.0, 1e4):
        logits = (scale * torch.randn(2, 3 if activation == "softmax" else 2, *SIZES[axes])).requires_grad_()
        term = _loss(name, activation)(logits, truth)
        term.backward()
        assert torch.isfinite(term)
        assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_a_step_against_the_gradient_lowers_the_loss(name, axes, activation):
    loss, truth = _loss(name, activation), _truth(axes)
    generator = torch.Generator().manual_seed(2)
    channels = 3 if activation == "softmax" else 2
    logits = torch.randn(2, channels, *SIZES[axes], generator=generator).requires_grad_()
    before = loss(logits, truth)
    (gradient,) = torch.autograd.grad(before, logits)
    assert gradient.abs().sum() > 0
    assert loss(logits - 0.1 * gradient / gradient.norm(), truth) < before


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_the_order_of_the_samples_does_not_matter(name, axes, activation):
    loss, truth = _loss(name, activation), _truth(axes)
    logits = torch.randn(2, 3 if activation == "softmax" else 2, *SIZES[axes])
    assert loss(logits.flip(0), truth.flip(0)).item() == pytest.approx(loss(logits, truth).item(), rel=1e-5)


def _class_loss(name, multi_label):
    return LOSSES.get(name)(class_shares=(0.5, 0.3, 0.2), multi_label=multi_label)


def _target(multi_label):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 2, (6, 3), generator=generator).float() if multi_label else torch.tensor([0, 1, 2, 0, 1, 1])


def _class_logits_of(target, multi_label, *, confidence=12.0):
    hot = target if multi_label else torch.eye(3)[target]
    return confidence * (2 * hot - 1)


@pytest.mark.parametrize(("name", "multi_label"), CLASS_CASES)
def test_the_right_class_costs_next_to_nothing_and_the_wrong_one_more(name, multi_label):
    loss, target = _class_loss(name, multi_label), _target(multi_label)
    right = loss(_class_logits_of(target, multi_label), target)
    unsure = loss(_class_logits_of(target, multi_label, confidence=0.1), target)
    wrong = loss(_class_logits_of(1 - target if multi_label else (target + 1) % 3, multi_label), target)
    assert right.shape == ()
    assert 0 <= right.item() < 0.01
    assert right < unsure < wrong


@pytest.mark.parametrize(("name", "multi_label"), CLASS_CASES)
@pytest.mark.parametrize("scale", [0.0, 1e4])
@pytest.mark.parametrize("cases", [1, 6])
def test_extreme_logits_give_finite_losses_and_gradients_of_classes(name, multi_label, scale, cases):
    logits = (scale * torch.randn(cases, 3)).requires_grad_()
    term = _class_loss(name, multi_label)(logits, _target(multi_label)[:cases])
    term.backward()
    assert torch.isfinite(term)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("name", "multi_label"), CLASS_CASES)
def test_a_step_against_the_gradient_lowers_the_loss_of_classes_whatever_their_order(name, multi_label):
    loss, target = _class_loss(name, multi_label), _target(multi_label)
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(2)).requires_grad_()
    before = loss(logits, target)
    (gradient,) = torch.autograd.grad(before, logits)
    assert loss(logits - 0.1 * gradient / gradient.norm(), target) < before
    assert loss(logits.flip(0), target.flip(0)).item() == pytest.approx(before.item(), rel=1e-5)
