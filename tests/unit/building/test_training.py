import pytest
import torch
from monai.losses import DiceCELoss
from torch import nn

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.training import (
    build_loss,
    build_optimizer,
    build_scheduler,
    build_training_dataset,
)
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
