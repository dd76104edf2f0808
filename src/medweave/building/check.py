"""Checking a recipe against the registered components, all problems at once."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from torch import nn

from medweave.augmentation.augmentation import AUGMENTATIONS, SampleKeys
from medweave.building.components import build_component, component_parameters, component_problems
from medweave.building.measurements import measurement_problems
from medweave.building.model import ENCODER_ARGUMENTS, FUSION_ARGUMENTS, HEAD_ARGUMENTS, build_model
from medweave.building.study import patch_sizes
from medweave.building.training import LOSS_ARGUMENTS, LOSS_EXTRAS, build_loss, build_optimizer, build_scheduler
from medweave.core.errors import RecipeError
from medweave.core.registry import Registry, load_plugins
from medweave.data.layouts.layout import LAYOUTS
from medweave.losses.loss import LOSSES
from medweave.measurement_classifiers.fitting import MEASUREMENT_CLASSIFIERS
from medweave.measurements.measurement import MEASUREMENTS
from medweave.models.encoders.encoder import ENCODERS
from medweave.models.fusion.fusion import FUSIONS
from medweave.models.heads.head import HEADS
from medweave.optimization.optimizers import OPTIMIZERS
from medweave.optimization.schedulers import SCHEDULERS, Course
from medweave.recipes.loader import read_content, validate_recipe
from medweave.recipes.schema import Recipe
from medweave.recipes.section import Component, ComponentField

#: Every registry of components that a recipe names, with the arguments that a builder gives.
REGISTRIES: dict[str, tuple[Registry[Any], tuple[str, ...]]] = {
    "layouts": (LAYOUTS, ()),
    "encoders": (ENCODERS, ENCODER_ARGUMENTS),
    "fusions": (FUSIONS, FUSION_ARGUMENTS),
    "heads": (HEADS, HEAD_ARGUMENTS),
    "losses": (LOSSES, LOSS_ARGUMENTS),
    "augmentations": (AUGMENTATIONS, ()),
    "optimizers": (OPTIMIZERS, ()),
    "schedulers": (SCHEDULERS, ()),
    "measurements": (MEASUREMENTS, ()),
    "measurement_classifiers": (MEASUREMENT_CLASSIFIERS, ()),
}

#: Where a recipe names components, and of which registry; * is any key or position.
PLACES = {
    "data.layout": "layouts",
    "model.encoders.*": "encoders",
    "model.fusion": "fusions",
    "model.heads.*": "heads",
    "losses.*": "losses",
    "augmentation.*": "augmentations",
    "optimizer": "optimizers",
    "scheduler": "schedulers",
    "measurements": "measurements",
    "measurement_classifiers.*": "measurement_classifiers",
}
COMPONENT: TypeAdapter[Component] = TypeAdapter(ComponentField)


def read_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe, check all of it, and write out the default of every parameter.

    Args:
        source: A library name or the path of a YAML file; a file wins.
        overrides: Each `dotted.key=value`.

    Raises:
        RecipeError: The recipe has problems, those of its keys and those of its components; all are listed.
        UsageError: There is no such recipe, or an override cannot be read.
    """
    content = read_content(source, overrides)
    try:
        recipe = validate_recipe(content, source)
    except RecipeError as error:
        raise RecipeError(source, [*error.problems, *_component_problems(content)]) from error
    return complete_recipe(recipe, source)


def complete_recipe(recipe: Recipe, source: object) -> Recipe:
    """Check every component of a recipe and write out the default of every parameter.

    Args:
        recipe: A recipe that the schema accepts.
        source: Its file or name, for the message.

    Returns:
        The recipe with every component's parameters complete, and under `plugins` also the modules of the installed
        plug-ins that it takes components from, so that its run says what it needs.

    Raises:
        RecipeError: Components are unknown, have wrong parameters or do not fit together; all problems are listed.
    """
    problems = _component_problems(recipe.model_dump())
    problems += _kind_problems(recipe)
    if not problems:
        problems += _building_problems(recipe) + measurement_problems(recipe)
    if not problems:
        problems += _rotation_problems(recipe)
    problems += _size_problems(recipe)
    if problems:
        raise RecipeError(source, problems)
    return _completed(recipe)


def _component_problems(content: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with each component that the content of a recipe names, be the rest valid or not."""
    plugins = content.get("plugins") or ()
    if isinstance(plugins, list | tuple) and all(isinstance(name, str) for name in plugins):
        load_plugins(plugins)
    problems = []
    for place, kind in PLACES.items():
        registry, given = REGISTRIES[kind]
        extra = LOSS_EXTRAS if kind == "losses" else ()
        for key, component in _components_at(content, place):
            problems += component_problems(key, component, registry, given=given, extra=extra)
            problems += _weight_problems(key, component) if "weight" in extra else []
    return problems


def _components_at(content: Mapping[str, Any], place: str) -> Iterator[tuple[str, Component]]:
    """Yield the key and the value of each component at a place; what is none is the schema's to refuse."""
    found: list[tuple[tuple[str, ...], Any]] = [((), content)]
    for part in place.split("."):
        found = [((*keys, str(key)), below) for keys, value in found for key, below in _members(value, part)]
    for keys, value in found:
        with suppress(ValidationError):
            yield ".".join(keys), COMPONENT.validate_python(value)


def _members(value: Any, part: str) -> Iterator[tuple[object, Any]]:
    if isinstance(value, list | tuple):
        yield from enumerate(value) if part == "*" else ()
    elif isinstance(value, Mapping):
        yield from value.items() if part == "*" else [(part, value.get(part))]


def _weight_problems(key: str, component: Component) -> list[str]:
    weight = component.parameters.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
        return [f"{key}.weight: must be a number of at least 0, got {weight!r}"]
    return []


def _kind_problems(recipe: Recipe) -> list[str]:
    """Return heads and losses that are made for another kind of task."""
    problems = []
    for section, registry, table in (("model.heads", HEADS, recipe.model.heads), ("losses", LOSSES, recipe.losses)):
        for name, component in table.items():
            wanted = recipe.data.heads[name].kind
            if component.name in registry.names() and registry.get(component.name).kind != wanted:
                fitting = [other for other in registry.names() if registry.get(other).kind == wanted]
                problems.append(
                    f"{section}.{name}: {component.name!r} is not for {wanted}; one of {', '.join(fitting)}"
                )
    return problems


def _building_problems(recipe: Recipe) -> list[str]:
    """Build the parts once, the network on PyTorch's meta device, and return what they object to."""
    problems = []
    with torch.device("meta"):
        try:
            model = build_model(recipe)
        except ValueError as error:
            problems.append(f"model: {error}")
        else:
            try:
                build_loss(recipe, model)
            except ValueError as error:
                problems.append(f"losses: {error}")
    try:
        optimizer = build_optimizer(recipe, [nn.Parameter(torch.zeros(1))])
    except ValueError as error:
        problems.append(f"optimizer: {error}")
    else:
        try:
            build_scheduler(recipe, optimizer, Course(1, 1))
        except ValueError as error:
            problems.append(f"scheduler: {error}")
    for position, component in enumerate(recipe.augmentation):
        for spatial_dims in sorted({source.spatial_dims for source in recipe.data.inputs.values()}):
            try:
                build_component(component, AUGMENTATIONS, SampleKeys(("image",), (), spatial_dims))
            except ValueError as error:
                problems.append(f"augmentation.{position}: {error}")
    return problems


def _size_problems(recipe: Recipe) -> list[str]:
    problems = []
    for name, source in recipe.data.inputs.items():
        sizes = [
            (f"preprocessing.{name}.{field}", getattr(recipe.preprocessing.get(name), field, None))
            for field in ("spacing_mm", "resize_voxels", "size_voxels")
        ]
        if recipe.patches and recipe.patches.size_voxels != "auto":
            sizes.append(("patches.size_voxels", patch_sizes(recipe.patches, recipe.data.inputs)[name]))
        problems += [
            f"{key}: input {name!r} has {source.spatial_dims} axes, got {list(size)}"
            for key, size in sizes
            if isinstance(size, tuple) and len(size) != source.spatial_dims
        ]
    return problems


def _rotation_problems(recipe: Recipe) -> list[str]:
    """Return rotations by 90 degrees that would exchange axes of unequal size, where the recipe says the size."""
    problems = []
    for position, component in enumerate(recipe.augmentation):
        if component.name != "rotate90":
            continue
        first, second = component_parameters(component, AUGMENTATIONS, given=())["axes"]
        for name, size in _sample_sizes(recipe).items():
            if size and size[first] != size[second]:
                problems.append(
                    f"augmentation.{position}: rotate90 needs axes of equal size; axes {first} and {second} of samples "
                    f"of input {name!r} have {size[first]} and {size[second]} voxels"
                )
    return problems


def _sample_sizes(recipe: Recipe) -> dict[str, tuple[int, ...] | None]:
    """Return the size of a training sample of each input, None where the data decide it."""
    if recipe.patches and recipe.patches.size_voxels != "auto":
        return dict(patch_sizes(recipe.patches, recipe.data.inputs))
    sections = {name: recipe.preprocessing.get(name) for name in recipe.data.inputs}
    return {name: (part.size_voxels or part.resize_voxels) if part else None for name, part in sections.items()}


def _plugins(recipe: Recipe) -> tuple[str, ...]:
    """Return the plug-ins that a recipe names, and the modules of others that its components come from."""
    content = recipe.model_dump()
    modules = {
        REGISTRIES[kind][0].plugin_module(component.name)
        for place, kind in PLACES.items()
        for _, component in _components_at(content, place)
    }
    # What a notebook registers is in no module that another program could import.
    known = (*recipe.plugins, "__main__")
    further = [name for name in modules if name and not any(f"{name}.".startswith(f"{parent}.") for parent in known)]
    return (*recipe.plugins, *sorted(further))


def _completed(recipe: Recipe) -> Recipe:
    def full(component: Component, kind: str) -> Component:
        registry, given = REGISTRIES[kind]
        extras = {key: float(component.parameters.get(key, 1.0)) for key in LOSS_EXTRAS} if kind == "losses" else {}
        parameters = component_parameters(component, registry, given=given)
        return Component(name=component.name, **extras, **to_jsonable_python(parameters))  # as a file gives them

    def all_full(table: dict[str, Component], kind: str) -> dict[str, Component]:
        return {key: full(component, kind) for key, component in table.items()}

    model = recipe.model.model_copy(
        update={
            "encoders": all_full(recipe.model.encoders, "encoders"),
            "fusion": full(recipe.model.fusion, "fusions"),
            "heads": all_full(recipe.model.heads, "heads"),
        }
    )
    return recipe.model_copy(
        update={
            "plugins": _plugins(recipe),
            "data": recipe.data.model_copy(update={"layout": full(recipe.data.layout, "layouts")}),
            "model": model,
            "losses": all_full(recipe.losses, "losses"),
            "augmentation": tuple(full(component, "augmentations") for component in recipe.augmentation),
            "optimizer": full(recipe.optimizer, "optimizers"),
            "scheduler": full(recipe.scheduler, "schedulers"),
            "measurements": full(recipe.measurements, "measurements") if recipe.measurements else None,
            "measurement_classifiers": all_full(recipe.measurement_classifiers, "measurement_classifiers"),
        }
    )
