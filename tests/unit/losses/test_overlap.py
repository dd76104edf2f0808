import pytest
import torch
from monai.losses import DiceCELoss, DiceFocalLoss, DiceLoss, TverskyLoss
from torch.nn import functional

from medweave.losses.loss import expand_labels
from medweave.losses.overlap import DiceCrossEntropy, DiceFocal, DiceOnly, Tversky

SHAPES = [(2, 9, 7), (2, 6, 5, 4)]


def _example(shape, activation, *, structures=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label_map = torch.randint(0, structures + 1, shape, generator=generator)
    channels = structures + (activation == "softmax")
    logits = 2 * torch.randn(shape[0], channels, *shape[1:], generator=generator)
    return logits, label_map, expand_labels(label_map, structures=structures, activation=activation)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("squared", [False, True])
def test_dice_is_monai_s_without_the_background(shape, batch, squared):
    logits, label_map, truth = _example(shape, "softmax")
    expected = DiceLoss(
        softmax=True, include_background=False, batch=batch, squared_pred=squared, smooth_nr=0.1, smooth_dr=0.1
    )(logits, truth)
    loss = DiceOnly(structures=3, activation="softmax", batch=batch, squared=squared, smooth=0.1)
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_dice_of_a_sigmoid_head_counts_every_structure(shape):
    logits, label_map, truth = _example(shape, "sigmoid")
    expected = DiceLoss(sigmoid=True, smooth_nr=1e-5, smooth_dr=1e-5)(logits, truth)
    assert DiceOnly(structures=3, activation="sigmoid")(logits, label_map).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, "channels_last"])
def test_one_structure_against_the_background_is_monai_s_forwards_and_backwards(shape, squared, memory_format):
    logits, label_map, truth = _example(shape, "softmax", structures=1)
    if memory_format == "channels_last":
        memory_format = torch.channels_last if len(shape) == 3 else torch.channels_last_3d
    ours = logits.clone(memory_format=memory_format).requires_grad_()
    theirs = logits.clone().requires_grad_()
    dice = DiceLoss(softmax=True, include_background=False, squared_pred=squared)(theirs, truth)
    expected = dice + functional.cross_entropy(theirs, label_map)
    found = DiceCrossEntropy(structures=1, activation="softmax", squared=squared)(ours, label_map)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    found.backward()
    expected.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-7)


def test_one_structure_and_a_background_that_counts_are_two():
    logits, label_map, truth = _example((2, 9, 7), "softmax", structures=1)
    expected = DiceLoss(softmax=True)(logits, truth)
    loss = DiceOnly(structures=1, activation="softmax", include_background=True)
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_logits_far_from_zero_have_a_finite_loss(activation):
    label_map = torch.zeros(1, 4, 4, dtype=torch.int64)
    label_map[0, :2] = 1
    one = torch.where(label_map == 1, -90.0, 90.0)[:, None]
    logits = (torch.cat((torch.zeros_like(one), one), dim=1) if activation == "softmax" else one).requires_grad_()
    loss = DiceCrossEntropy(structures=1, activation=activation)(logits, label_map)
    assert loss.item() == pytest.approx(90 + 1, rel=1e-3)
    loss.backward()
    assert torch.isfinite(logits.grad).all()


def test_dice_by_hand():
    # Probability 1/2 everywhere, the structure in 2 of 8 voxels: 1 - 2 (1/2 * 2) / (8/2 + 2).
    label_map = torch.zeros(1, 2, 4, dtype=torch.int64)
    label_map[0, 0, :2] = 1
    loss = DiceOnly(structures=1, activation="sigmoid", smooth=0.0)
    assert loss(torch.zeros(1, 1, 2, 4), label_map).item() == pytest.approx(1 - 2 / 6)


@pytest.mark.parametrize("shape", SHAPES)
def test_dice_cross_entropy_is_monai_s(shape):
    logits, label_map, truth = _example(shape, "softmax")
    expected = DiceCELoss(
        softmax=True, include_background=True, lambda_dice=0.7, lambda_ce=0.3, smooth_nr=1e-5, smooth_dr=1e-5
    )(logits, truth)
    loss = DiceCrossEntropy(structures=3, activation="softmax", include_background=True, dice_weight=0.7, ce_weight=0.3)
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-6)


def test_the_cross_entropy_keeps_the_background_that_dice_leaves_out():
    logits, label_map, truth = _example((2, 9, 7), "softmax")
    dice = DiceLoss(softmax=True, include_background=False)(logits, truth)
    expected = dice + functional.cross_entropy(logits, label_map)
    loss = DiceCrossEntropy(structures=3, activation="softmax")
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-5)


def test_dice_cross_entropy_of_a_sigmoid_head_is_binary():
    logits, label_map, truth = _example((2, 6, 5, 4), "sigmoid")
    expected = DiceLoss(sigmoid=True)(logits, truth) + functional.binary_cross_entropy_with_logits(logits, truth)
    loss = DiceCrossEntropy(structures=3, activation="sigmoid")
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 2.0, 3.5])
def test_dice_focal_of_a_sigmoid_head_is_monai_s(gamma):
    logits, label_map, truth = _example((2, 6, 5, 4), "sigmoid")
    expected = DiceFocalLoss(sigmoid=True, gamma=gamma, lambda_focal=0.5)(logits, truth)
    loss = DiceFocal(structures=3, activation="sigmoid", gamma=gamma, focal_weight=0.5)
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_focal_term_of_a_softmax_head_by_its_formula():
    logits, label_map, truth = _example((2, 9, 7), "softmax")
    given = logits.softmax(dim=1).gather(1, label_map[:, None])
    focal = (-((1 - given) ** 2) * given.log()).mean()
    expected = DiceLoss(softmax=True, include_background=False)(logits, truth) + 3 * focal
    loss = DiceFocal(structures=3, activation="softmax", focal_weight=3.0)
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-5)


def test_focal_with_exponent_zero_is_cross_entropy():
    logits, label_map, _ = _example((2, 9, 7), "softmax")
    focal = DiceFocal(structures=3, activation="softmax", gamma=0.0)(logits, label_map)
    assert focal.item() == pytest.approx(DiceCrossEntropy(structures=3, activation="softmax")(logits, label_map).item())


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("batch", [False, True])
def test_tversky_is_monai_s(activation, batch):
    logits, label_map, truth = _example((2, 6, 5, 4), activation)
    expected = TverskyLoss(
        **{activation: True}, include_background=activation == "sigmoid", alpha=0.2, beta=0.8, batch=batch
    )(logits, truth)
    loss = Tversky(
        structures=3, activation=activation, false_positive_weight=0.2, false_negative_weight=0.8, batch=batch
    )
    assert loss(logits, label_map).item() == pytest.approx(expected.item(), rel=1e-6)


def test_tversky_with_a_larger_weight_of_misses_punishes_misses_more():
    label_map = torch.zeros(1, 8, 8, dtype=torch.int64)
    label_map[:, :4] = 1
    found, overdrawn = torch.full((1, 1, 8, 8), -9.0), torch.full((1, 1, 8, 8), 9.0)
    found[:, :, :2] = 9.0
    overdrawn[:, :, 6:] = -9.0
    loss = Tversky(structures=1, activation="sigmoid", false_positive_weight=0.1, false_negative_weight=0.9)
    assert loss(found, label_map) > loss(overdrawn, label_map)


def test_a_batch_dice_forgives_samples_without_the_structure():
    logits = torch.full((2, 1, 8, 8), -9.0)
    label_map = torch.zeros(2, 8, 8, dtype=torch.int64)
    logits[0, :, :4], label_map[0, :4] = 9.0, 1
    assert DiceOnly(structures=1, activation="sigmoid", batch=True)(logits, label_map) < 0.01
    assert DiceOnly(structures=1, activation="sigmoid", batch=False)(logits, label_map) > 0.4
