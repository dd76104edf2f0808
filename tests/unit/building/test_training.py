from pathlib import Path

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss
from torch import nn

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.training import (
    build_fit,
    build_loss,
    build_optimizer,
    build_scheduler,
    build_training_dataset,
    class_shares,
)
from medweave.data.preparation import PreparedCase
from medweave.measurement_classifiers.cross_validation import MeasuredCases
from medweave.optimization.schedulers import Course
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe


def recipe(*overrides: str) -> Recipe:
    return complete_recipe(load_recipe("heart", overrides), "heart")


def test_loss_is_monais_times_its_weight() -> None:
    written = recipe("losses.heart={name: dice_ce, weight: 2.5, batch: true}", "model.encoders.mri.channels=[4,4]")
    loss = build_loss(written, build_model(written))
    torch.manual_seed(0)
    logits, label_map = torch.randn(2, 2, 4, 4, 4), torch.randint(0, 2, (2, 4, 4, 4))
    present = {"heart": torch.ones(2, dtype=torch.bool)}
    reference = DiceCELoss(
        include_background=False, to_onehot_y=True, softmax=True, batch=True, smooth_nr=1e-5, smooth_dr=1e-5
    )
    total = loss({"heart": [logits]}, {"heart": label_map}, present)["heart"]
    torch.testing.assert_close(total, 2.5 * reference(logits, label_map[:, None]))


@pytest.mark.parametrize(
    ("override", "kind", "settings"),
    [
        ("optimizer={name: adam, lr: 0.5, amsgrad: true}", torch.optim.Adam, {"lr": 0.5, "amsgrad": True}),
        ("optimizer={name: adamw, weight_decay: 0.2}", torch.optim.AdamW, {"lr": 1e-3, "weight_decay": 0.2}),
        ("optimizer={name: sgd, momentum: 0.9}", torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    ],
)
def test_optimizer_is_torchs_with_the_recipes_settings(override, kind, settings) -> None:
    optimizer = build_optimizer(recipe(override), [nn.Parameter(torch.zeros(1))])
    assert type(optimizer) is kind
    assert {name: optimizer.defaults[name] for name in settings} == settings


def test_scheduler_follows_the_course() -> None:
    written = recipe("optimizer.lr=1", "scheduler={name: step, step_epochs: 2, factor: 0.1}")
    optimizer = build_optimizer(written, [nn.Parameter(torch.zeros(1))])
    scheduler = build_scheduler(written, optimizer, Course(6, 3))
    rates = []
    for _ in range(18):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([1] * 6 + [0.1] * 6 + [0.01] * 6)


def test_samples_hold_what_the_study_reads() -> None:
    written = recipe("data.inputs.mri.channels=[image, flair]")
    layout = build_training_dataset(written, []).inputs["mri"]
    assert (layout.channels, layout.heads, layout.patch_size_voxels) == (2, ("heart",), (112, 112, 64))


def test_augmentation_changes_images_and_keeps_label_maps_whole_numbers() -> None:
    written = recipe()
    layout = build_training_dataset(written, []).inputs["mri"]
    sample = {"mri": torch.randn(1, 16, 16, 16), "heart": torch.ones(1, 16, 16, 16)}
    changed = layout.augment(sample, seed=3)
    assert not torch.equal(changed["mri"], sample["mri"])
    assert set(changed["heart"].unique().tolist()) <= {0.0, 1.0}


def test_recipe_without_augmentation_has_none() -> None:
    written = recipe("augmentation=[]")
    assert build_training_dataset(written, []).inputs["mri"].augment is None


@pytest.mark.parametrize("override", ["patches.size_voxels=auto", "patches=null"])
def test_unresolved_patch_size_is_a_mistake_of_the_program(override: str) -> None:
    written = recipe(override)
    with pytest.raises(ValueError, match=r"patches\.size_voxels is still auto"):
        build_training_dataset(written, [])


CLASSES = (
    "data.heads.side={kind: classification, classes: [left, right, both]}",
    "data.heads.signs={kind: classification, classes: [hot, red], multi_label: true}",
    "model.heads={heart: monai_unet_decoder, side: pooled_mlp, signs: pooled_mlp}",
    "losses={heart: dice_ce, side: {name: focal, weight: 0.5, class_weights: balanced}, "
    "signs: {name: cross_entropy, class_weights: balanced}}",
    "patches.size_voxels={mri: [16, 16, 16]}",
    "model.encoders.mri.channels=[4,4]",
)


def cases(*targets: dict) -> list[PreparedCase]:
    return [PreparedCase(str(number), Path(), "", target) for number, target in enumerate(targets)]


def test_shares_of_classes_are_over_the_cases_that_have_a_target() -> None:
    known = cases({"side": 0, "signs": (1.0, 1.0)}, {"side": 0}, {"side": 2, "signs": (0.0, 1.0)}, {"side": 0}, {})
    assert class_shares(recipe(*CLASSES), known) == {"side": (0.75, 0.0, 0.25), "signs": (0.5, 1.0)}
    assert class_shares(recipe(*CLASSES), cases({})) == {"side": (0.0, 0.0, 0.0), "signs": (0.0, 0.0)}


def test_losses_of_classes_know_the_shares_and_their_weights() -> None:
    written = recipe(*CLASSES)
    shares = {"side": (0.5, 0.25, 0.25), "signs": (0.2, 0.5)}
    loss = build_loss(written, build_model(written), class_shares=shares)
    assert loss.weights == {"heart": 1.0, "side": 0.5, "signs": 1.0}
    assert loss.losses["side"].weights.tolist() == pytest.approx([2 / 3, 4 / 3, 4 / 3])
    assert loss.losses["signs"].weights.tolist() == pytest.approx([4.0, 1.0])
    assert loss.learned_weights == {}


def test_weights_of_losses_are_learned_where_the_recipe_says_so() -> None:
    written = recipe(*CLASSES, "training.loss_weighting=uncertainty")
    loss = build_loss(written, build_model(written))
    assert loss.learned_weights == {"heart": 1.0, "side": 0.5, "signs": 1.0}
    assert all(parameter.requires_grad for parameter in loss.log_variances.values())


def test_samples_hold_a_target_of_each_class_head_where_a_case_has_none() -> None:
    assert build_training_dataset(recipe(*CLASSES), []).no_targets == {"side": 0, "signs": (0.0, 0.0)}


def test_a_classifier_is_fitted_as_the_recipe_says() -> None:
    cases = MeasuredCases(
        ("volume",), np.array([[1.0], [2.0], [5.0], [6.0]]), np.array(["a", "a", "b", "b"]), np.array(list("pqrs"))
    )
    settings = ["measurements=cardiac", "measurement_classifiers.diagnosis={name: random_forest, trees: 7}"]
    fit = build_fit(load_recipe("cardiac", settings), "diagnosis")
    assert len(fit(cases).scores.trees) == 7
