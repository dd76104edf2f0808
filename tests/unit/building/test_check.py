from importlib import import_module

import pytest

from medweave.building.check import REGISTRIES, complete_recipe, read_recipe
from medweave.core.errors import RecipeError, UsageError
from medweave.data.layouts.layout import LAYOUTS
from medweave.losses.loss import LOSSES
from medweave.models.encoders.encoder import ENCODERS
from medweave.models.heads.head import HEADS
from medweave.optimization.schedulers import SCHEDULERS
from medweave.recipes.loader import dump_recipe, library_names, load_recipe, recipe_hash


def problems_of(*overrides: str, source: str = "heart") -> list[str]:
    with pytest.raises(RecipeError, match=r"recipe .* has \d+ problems?:") as caught:
        read_recipe(source, overrides)
    return caught.value.problems


@pytest.mark.parametrize("name", library_names())
def test_library_recipe_has_no_problem_and_completing_it_again_changes_nothing(name: str) -> None:
    complete = complete_recipe(load_recipe(name), name)
    assert complete_recipe(complete, name) == complete


def test_completing_a_written_recipe_changes_nothing(tmp_path) -> None:
    complete = complete_recipe(load_recipe("heart"), "heart")
    path = tmp_path / "recipe.yaml"
    path.write_text(dump_recipe(complete))
    again = complete_recipe(load_recipe(path), path)
    assert dump_recipe(again) == path.read_text()
    assert recipe_hash(again) == recipe_hash(complete)


def test_every_default_is_written_out() -> None:
    recipe = complete_recipe(load_recipe("reference/heart_unet3d"), "x")
    assert recipe.losses["heart"].parameters == {
        "weight": 1.0,
        "include_background": False,
        "squared": False,
        "batch": True,
        "smooth": 1e-5,
        "dice_weight": 1.0,
        "ce_weight": 1.0,
    }
    assert recipe.optimizer.parameters == {"lr": 1e-4, "weight_decay": 0.0, "amsgrad": False}
    assert recipe.scheduler.parameters == {"step_epochs": 20, "factor": 0.5, "warmup_epochs": 0.0}
    assert recipe.model.fusion.parameters == {}
    assert recipe.model.encoders["mri"].parameters == {"channels": [32, 64, 128, 256, 512], "norm": "batch"}
    assert recipe.model.heads["heart"].parameters == {
        "activation": "sigmoid",
        "block": "double_conv",
        "norm": "batch",
        "max_channels": None,
        "deep_supervision": 1,
    }


def test_every_component_of_a_completed_recipe_has_every_parameter() -> None:
    recipe = complete_recipe(load_recipe("heart"), "heart")
    names = [set(component.parameters) for component in recipe.augmentation]
    assert names == [
        {"probability", "rotate_degrees", "in_plane_only", "scale", "translate_voxels", "shear"},
        {"probability", "std"},
        {"probability", "factor"},
        {"probability", "offset"},
        {"probability", "gamma_range"},
        {"probability", "zoom_range"},
    ]


def test_every_problem_is_reported_at_once() -> None:
    assert problems_of(
        "model.encoders.mri.name=monai_unt",
        "model.heads.heart.activaton=sigmoid",
        "losses.heart.wieght=2",
        "losses.heart.weight=-1",
        "augmentation.0.rotate=1",
        "augmentation.1.probability=2",
        "optimizer.lr=fast",
        "data.layout=msdd",
        "preprocessing.mri.size_voxels=[64,64]",
    ) == [
        f"data.layout.name: unknown layout 'msdd'. Did you mean 'msd'? Wanted one of {', '.join(LAYOUTS.names())}",
        "model.encoders.mri.name: unknown encoder 'monai_unt'. Did you mean 'monai_unet'? "
        f"Wanted one of {', '.join(ENCODERS.names())}",
        "model.heads.heart.activaton: unknown parameter of head 'monai_unet_decoder'. Did you mean 'activation'? "
        "It takes activation, residual_units, norm, dropout, decoded_channels",
        "losses.heart.wieght: unknown parameter of loss 'dice_ce'. Did you mean 'weight'? "
        "It takes batch, include_background, squared, smooth, dice_weight, ce_weight, weight",
        "losses.heart.weight: must be a number of at least 0, got -1",
        "augmentation.0.rotate: unknown parameter of augmentation 'affine'. Did you mean 'rotate_degrees'? "
        "It takes probability, rotate_degrees, scale, translate_voxels, shear, in_plane_only",
        "augmentation.1.probability: input should be less than or equal to 1, got 2",
        "optimizer.lr: input should be a valid number, unable to parse string as a number, got 'fast'",
        "preprocessing.mri.size_voxels: input 'mri' has 3 axes, got [64, 64]",
    ]


def test_problems_of_components_are_reported_with_those_of_keys() -> None:
    assert problems_of(
        "training.max_epoch=3",
        "losses.hart=dice",
        "plugins=3",
        "model.encoders=5",
        "model.heads.heart.activaton=sigmoid",
        "augmentation=[noise, 4, {name: noise, std: wide}]",
        "optimizer={lr: 1}",
        "scheduler.name=cosin",
    ) == [
        "plugins: input should be a valid tuple, got 3",
        "augmentation.1: input should be a valid dictionary or instance of Component, got 4",
        "model.encoders: input should be a valid dictionary, got 5",
        "optimizer.name: required, but missing",
        "training.max_epoch: unknown key. Did you mean 'max_epochs'?",
        "model.heads.heart.activaton: unknown parameter of head 'monai_unet_decoder'. Did you mean 'activation'? "
        "It takes activation, residual_units, norm, dropout, decoded_channels",
        "augmentation.2.std: input should be a valid number, unable to parse string as a number, got 'wide'",
        f"scheduler.name: unknown scheduler 'cosin'. Did you mean 'cosine'? "
        f"Wanted one of {', '.join(SCHEDULERS.names())}",
    ]


@pytest.mark.parametrize("weight", ["-0.5", "heavy", "true", ".nan", "null"])
def test_weight_of_a_loss_is_a_number_of_at_least_0(weight: str) -> None:
    (problem,) = problems_of(f"losses.heart.weight={weight}")
    assert problem.startswith("losses.heart.weight: must be a number of at least 0, got ")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model.encoders.mri.channels=[]", "model.encoders.mri.channels: value should have at least 2 items"),
        ("model.encoders.mri.channels=[16]", "model.encoders.mri.channels: value should have at least 2 items"),
        ("model.encoders.mri.channels=[16,-3]", "model.encoders.mri.channels.1: input should be greater than 0, got"),
        ("model.encoders.mri=unet3d", "model: this decoder needs the encoder 'monai_unet'; got an encoder with str"),
        ("model.encoders.mri.dropout=2", "model: dropout probability has to be between 0 and 1"),
        ("model.fusion=concatenate", "model.fusion.name: unknown fusion 'concatenate'"),
        ("optimizer.lr=-3", "optimizer: Invalid learning rate: -3.0"),
        ("scheduler={name: plateau, factor: 2}", "scheduler: Factor should be < 1.0."),
        ("scheduler={name: step, step_epochs: 0}", "scheduler.step_epochs: input should be greater than 0, got 0"),
    ],
)
def test_parts_that_cannot_be_built_are_problems(override: str, problem: str) -> None:
    (found,) = problems_of(override)
    assert found.startswith(problem)


CLASSES = "data.heads.side={kind: classification, classes: [left, right]}"
#: A recipe of one segmentation and one classification head.
BOTH = (CLASSES, "model.heads.side=pooled_mlp", "losses.side=focal", "patches.size_voxels=auto")


def test_heads_of_both_kinds_fit_and_every_default_of_theirs_is_written_out() -> None:
    recipe = complete_recipe(load_recipe("heart", BOTH), "heart")
    assert recipe.losses["side"].parameters == {"weight": 1.0, "gamma": 2.0, "class_weights": None}
    assert recipe.model.heads["side"].parameters["hidden"] == [256, 128]


def test_a_head_or_loss_of_the_wrong_kind_is_refused_with_those_that_fit() -> None:
    def fitting(registry, kind):
        return ", ".join(name for name in registry.names() if registry.get(name).kind == kind)

    assert problems_of(*BOTH, "model.heads.side=unet_decoder", "losses.side=dice", "losses.heart=focal") == [
        f"model.heads.side: 'unet_decoder' is not for classification; one of {fitting(HEADS, 'classification')}",
        f"losses.heart: 'focal' is not for segmentation; one of {fitting(LOSSES, 'segmentation')}",
        f"losses.side: 'dice' is not for classification; one of {fitting(LOSSES, 'classification')}",
    ]
    assert "cross_entropy" in fitting(LOSSES, "classification")
    assert "dice" not in fitting(LOSSES, "classification")


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("losses.side={name: focal, class_weights: [1, 2, 3]}", "losses: class_weights needs a weight for each of 2"),
        ("losses.side={name: focal, class_weights: [1, 0]}", "losses.side.class_weights.1: input should be greater"),
        ("losses.side={name: focal, gamma: -1}", "losses.side.gamma: input should be greater than or equal to 0"),
        ("losses.side={name: cross_entropy, label_smoothing: 1}", "losses.side.label_smoothing: input should be less"),
    ],
)
def test_weights_and_exponents_of_class_losses_are_checked(override: str, problem: str) -> None:
    (found,) = problems_of(*BOTH, override)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("augmentation", "problem"),
    [
        ("{name: gamma, gamma_range: [0, 2]}", "augmentation.0: gamma_range goes from a number above 0"),
        ("{name: gamma, gamma_range: [2, 1]}", "augmentation.0: gamma_range goes from a number above 0"),
        ("{name: rotate90, axes: [0, 3]}", "augmentation.0: axes are two different ones of 0 to 2"),
        ("{name: rotate90, axes: [1, 1]}", "augmentation.0: axes are two different ones of 0 to 2"),
        (
            "{name: rotate90, axes: [0, 2]}",
            "augmentation.0: rotate90 needs axes of equal size; axes 0 and 2 of samples of input 'mri' have 64 and 32",
        ),
    ],
)
def test_senseless_augmentations_are_problems(augmentation: str, problem: str) -> None:
    (found,) = problems_of("patches.size_voxels=[64,64,32]", f"augmentation=[{augmentation}]")
    assert found.startswith(problem)


def test_classes_and_patches_do_not_go_together() -> None:
    with pytest.raises(RecipeError, match=r"patches\.size_voxels: a class belongs to a whole case.*to crop"):
        load_recipe("heart", [*BOTH, "patches.size_voxels=[64,64,64]"])


@pytest.mark.parametrize("name", ["unet3d", "residual_unet"])
def test_encoder_fits_its_decoder_in_2d_and_3d(name: str) -> None:
    parts = [f"model.encoders.mri={name}", "model.heads.heart=unet_decoder"]
    flat = ["data.inputs.mri.spatial_dims=2", "preprocessing.mri.spacing_mm=null", "patches.size_voxels=auto"]
    for overrides in (parts, parts + flat):
        assert complete_recipe(load_recipe("heart", overrides), "heart").model.encoders["mri"].name == name


def test_plugin_that_is_absent_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="plug-in module 'no_such_module' cannot be imported"):
        complete_recipe(load_recipe("heart", ["plugins=[no_such_module]"]), "heart")


def test_every_kind_of_component_has_some() -> None:
    assert len(REGISTRIES) >= 8
    assert all(registry.names() for registry, _ in REGISTRIES.values())


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("[]", ("medweave_example.separable",)),
        ("[medweave_example]", ("medweave_example",)),
        ("[colorsys]", ("colorsys", "medweave_example.separable")),
    ],
)
def test_the_complete_recipe_names_the_plugins_that_it_needs(named, kept, example_plugin) -> None:
    with example_plugin():
        import_module("medweave_example.separable")  # as an installed plug-in would be
        overrides = ["model.encoders.mri=separable", "model.heads.heart=unet_decoder", f"plugins={named}"]
        assert complete_recipe(load_recipe("heart", overrides), "heart").plugins == kept
