import copy
from typing import Any

import pytest
from pydantic import ValidationError

from medweave.recipes.schema import Intensity, Preprocessing, Recipe
from medweave.recipes.section import Component

MINIMAL: dict[str, Any] = {
    "name": "study",
    "data": {"inputs": {"mri": {}}, "heads": {"heart": {"structures": {"atrium": 1}}}},
    "model": {"encoders": {"mri": "unet3d"}, "heads": {"heart": "unet_decoder"}},
    "losses": {"heart": "dice_ce"},
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    content = copy.deepcopy(MINIMAL)
    target = content
    for key in path[:-1]:
        target = target.setdefault(key, {})
    target[path[-1]] = to
    return content


def test_short_form_of_a_component_is_its_name() -> None:
    recipe = Recipe.model_validate(MINIMAL)
    assert recipe.model.encoders["mri"] == Component(name="unet3d")
    assert recipe == Recipe.model_validate(changed("losses", "heart", to={"name": "dice_ce"}))


def test_parameters_are_what_stands_beside_the_name() -> None:
    component = Component(name="dice_ce", weight=2.0, batch=True)
    assert component.parameters == {"weight": 2.0, "batch": True}


def test_only_what_has_no_default_is_needed() -> None:
    recipe = Recipe.model_validate(MINIMAL)
    assert recipe.data.split.model_dump() == {"train": 0.7, "val": 0.15, "test": 0.15, "seed": 42}
    assert (recipe.optimizer.name, recipe.scheduler.name, recipe.model.fusion.name) == ("adamw", "constant", "single")
    for key in MINIMAL:
        with pytest.raises(ValidationError, match=f"{key}\n  Field required"):
            Recipe.model_validate({name: value for name, value in MINIMAL.items() if name != key})


def test_recipe_cannot_be_changed() -> None:
    recipe = Recipe.model_validate(MINIMAL)
    with pytest.raises(ValidationError, match="frozen"):
        recipe.training.max_epochs = 3


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data", "heads", "heart", "structures"), {"a": 1, "b": 1}, "a value is given twice: 1"),
        (("data", "heads", "heart", "structures"), {"a": 0}, "greater than or equal to 1"),
        (("data", "heads", "heart", "structures"), {"a": 256}, "less than or equal to 255"),
        (("data", "heads", "heart", "structures"), {}, "at least 1 item"),
        (
            ("data", "heads", "heart", "of"),
            "flair",
            r"data\.heads\.heart\.of: 'flair' is no channel of an input: image",
        ),
        (("data", "split"), {"train": 0.5, "val": 0.2, "test": 0.2}, r"train \+ val \+ test must be 1, got 0\.9"),
        (("data", "split"), {"train": 1.0, "val": 0.0, "test": 0.0}, "less than 1"),
        (("preprocessing", "ct"), {}, "preprocessing: 'ct' is not one of data.inputs: mri"),
        (("preprocessing", "mri"), {"orientation": "LPR"}, "match pattern"),
        (("preprocessing", "mri"), {"spacing_mm": [1, 0]}, "greater than 0"),
        (("model", "encoders"), {"mri": "unet3d", "ct": "unet3d"}, "model.encoders: 'ct' is not one of data.inputs"),
        (("model", "encoders"), {}, "model.encoders: 'mri' of data.inputs is missing"),
        (("model", "heads"), {"lung": "unet_decoder"}, "model.heads: 'lung' is not one of data.heads: heart"),
        (("losses",), {}, "losses: 'heart' of data.heads is missing"),
        (("training", "max_time"), "1h", "match pattern"),
        (("training", "batch_size"), 0, "greater than 0"),
        (("patches", "overlap"), 1.0, "less than 1"),
        (("optimiser",), "adam", "Extra inputs are not permitted"),
    ],
)
def test_wrong_value_is_refused(path, value, message) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(changed(*path, to=value))


def test_names_that_disagree_are_all_reported() -> None:
    content = changed("losses", to={"lung": "dice_ce"})
    content["preprocessing"] = {"ct": {}}
    with pytest.raises(ValidationError, match=r"(?s)'ct' is not one.*'lung' is not one.*'heart' of data.heads is miss"):
        Recipe.model_validate(content)


@pytest.mark.parametrize("name", ["percentile", "range"])
@pytest.mark.parametrize("bounds", [{}, {"lower": 1}, {"upper": 9}])
def test_interval_needs_both_bounds(name, bounds) -> None:
    with pytest.raises(ValidationError, match=f"intensity {name} needs lower and upper"):
        Intensity(name=name, **bounds)


def test_bounds_must_be_in_order() -> None:
    with pytest.raises(ValidationError, match="lower must be below upper"):
        Intensity(lower=99.5, upper=0.5)


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "ASL", "PIR", "SRA", "ILP"])
def test_orientations_are_one_letter_of_each_pair(orientation) -> None:
    assert Preprocessing(orientation=orientation).orientation == orientation


def test_intensity_may_be_a_name() -> None:
    assert Preprocessing.model_validate({"intensity": "minmax"}).intensity == Intensity(name="minmax")


def _measured(**changes: Any) -> dict[str, Any]:
    """Return a study whose diagnosis is answered by measurements alone."""
    content: dict[str, Any] = {
        "name": "study",
        "data": {
            "inputs": {"cine": {}},
            "heads": {
                "heart": {"kind": "segmentation", "structures": {"lv": 1}},
                "diagnosis": {"kind": "classification", "classes": ["NOR", "DCM"]},
            },
        },
        "model": {"encoders": {"cine": "unet3d"}, "heads": {"heart": "unet_decoder"}},
        "losses": {"heart": "dice_ce"},
        "measurements": "volumes",
        "measurement_classifiers": {"diagnosis": "best_of"},
    }
    return content | changes


def test_a_task_that_is_answered_by_measurements_needs_no_network() -> None:
    recipe = Recipe.model_validate(_measured())
    assert list(recipe.data.classification_heads) == ["diagnosis"]
    assert recipe.network_classes == {}
    assert recipe.measurement_classifiers["diagnosis"] == Component(name="best_of")


def test_a_task_may_be_answered_by_the_network_and_by_measurements() -> None:
    content = _measured(losses={"heart": "dice_ce", "diagnosis": "cross_entropy"})
    content["model"] = {**content["model"], "heads": {"heart": "unet_decoder", "diagnosis": "pooled_mlp"}}
    assert list(Recipe.model_validate(content).network_classes) == ["diagnosis"]


def test_windows_slide_where_the_network_answers_no_class() -> None:
    recipe = Recipe.model_validate(_measured(patches={"size_voxels": [32, 32, 32]}))
    assert recipe.patches is not None
    assert recipe.patches.size_voxels == (32, 32, 32)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"measurement_classifiers": {}}, "model.heads: 'diagnosis' of data.heads is missing"),
        ({"losses": {"heart": "dice_ce", "diagnosis": "focal"}}, "model.heads: 'diagnosis' of data.heads is missing"),
        (
            {"measurement_classifiers": {"heart": "best_of"}},
            "measurement_classifiers: 'heart' is not one of data.heads",
        ),
        ({"measurements": None}, "measurements: required by measurement_classifiers, but missing"),
        (
            {"training": {"early_stopping": {"monitor": "val/auc_diagnosis"}}},
            "no value is called 'val/auc_diagnosis'",
        ),
    ],
)
def test_measurements_that_answer_nothing_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Recipe.model_validate(_measured(**changes))


def test_several_labels_a_case_are_not_for_measurements() -> None:
    content = _measured()
    content["data"]["heads"]["diagnosis"]["multi_label"] = True
    with pytest.raises(ValidationError, match=r"measurement_classifiers\.diagnosis: a task with multi_label cannot"):
        Recipe.model_validate(content)


def _classifying(**training: Any) -> dict[str, Any]:
    content = copy.deepcopy(MINIMAL)
    classes = {"kind": "classification", "classes": ["a", "b"]}
    content["data"]["heads"] |= {"side": classes, "signs": {**classes, "multi_label": True}}
    content["model"]["heads"] |= {"side": "pooled_mlp", "signs": "pooled_mlp"}
    content["losses"] |= {"side": "focal", "signs": "focal"}
    return content | {"training": training}


def test_a_task_of_one_class_a_case_may_be_balanced() -> None:
    assert Recipe.model_validate(_classifying(balance="side")).training.balance == "side"
    assert Recipe.model_validate(MINIMAL).training.balance is None


@pytest.mark.parametrize("head", ["heart", "signs", "sides"])
def test_other_tasks_cannot_be_balanced(head) -> None:
    with pytest.raises(ValidationError, match=rf"training\.balance: '{head}' is no task of one class a case: side"):
        Recipe.model_validate(_classifying(balance=head))


def test_weights_of_losses_are_fixed_unless_they_are_learned() -> None:
    assert Recipe.model_validate(MINIMAL).training.loss_weighting == "fixed"
    with pytest.raises(ValidationError, match="'fixed' or 'uncertainty'"):
        Recipe.model_validate(_classifying(loss_weighting="learned"))


def test_what_may_be_monitored_is_what_the_heads_give() -> None:
    assert Recipe.model_validate(_classifying()).monitored_values == {
        "val/score": None,
        "val/loss": None,
        "val/loss_heart": "heart",
        "val/loss_side": "side",
        "val/loss_signs": "signs",
        "val/dice_heart_atrium": "heart",
        **{f"val/{score}_side": "side" for score in ("accuracy", "balanced_accuracy", "auc")},
        **{f"val/{score}_signs": "signs" for score in ("accuracy", "balanced_accuracy", "auc")},
    }


def test_windows_cannot_slide_where_the_network_answers_a_class() -> None:
    with pytest.raises(ValidationError, match=r"patches\.size_voxels: a class belongs to a whole case"):
        Recipe.model_validate(_classifying() | {"patches": {"size_voxels": [32, 32, 32]}})
