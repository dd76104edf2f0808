"""Checking a recipe's component against the signature of what is registered under its name, and building it."""

import inspect
import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import PydanticUndefined

from medweave.core.errors import UsageError, did_you_mean
from medweave.core.registry import Component as Callable_
from medweave.core.registry import Registry
from medweave.recipes.problems import is_of_another_branch, is_union_branch
from medweave.recipes.section import Component

#: The section of a Google docstring that tells the arguments, and one of its entries.
ARGUMENTS = re.compile(r"^Args.*:\n((?: {4}.*\n?)+)", re.MULTILINE)
ARGUMENT = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def component_problems(
    key: str, component: Component, registry: Registry[Any], *, given: Collection[str], extra: Collection[str] = ()
) -> list[str]:
    """Return what is wrong with a component of a recipe, a line each.

    Args:
        key: Dotted key of the component, for the messages.
        component: As written in the recipe.
        registry: Where its name is looked up.
        given: Names of the arguments that the builder gives.
        extra: Keys beside the name that are not for the component (a loss's weight).
    """
    try:
        model = _parameters_model(registry.get(component.name), frozenset(given))
    except UsageError as error:
        return [f"{key}.name: {error}"]
    parameters = {name: value for name, value in component.parameters.items() if name not in extra}
    try:
        model.model_validate(parameters)
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            if is_of_another_branch(problem):
                continue
            name = ".".join(str(part) for part in problem["loc"] if not is_union_branch(str(part)))
            if problem["type"] == "extra_forbidden":
                hint = did_you_mean(name, [*model.model_fields, *extra])
                problems.append(
                    f"{key}.{name}: unknown parameter of {registry.kind} {component.name!r}.{hint}"
                    f" It takes {', '.join([*model.model_fields, *extra]) or 'none'}"
                )
            else:
                message = problem["msg"][0].lower() + problem["msg"][1:]
                problems.append(f"{key}.{name}: {message}, got {problem['input']!r}")
        return problems
    return []


def component_parameters(component: Component, registry: Registry[Any], *, given: Collection[str]) -> dict[str, Any]:
    """Return the parameters with every default, validated; keys that are no parameters are left out."""
    model = _parameters_model(registry.get(component.name), frozenset(given))
    parameters = {name: value for name, value in component.parameters.items() if name in model.model_fields}
    validated = model.model_validate(parameters)
    return {name: getattr(validated, name) for name in model.model_fields}


def build_component(
    component: Component,
    registry: Registry[Any],
    *positional: Any,
    **given: Any,
) -> Any:
    """Call the registered component with what the builder gives and what the recipe says."""
    parameters = component_parameters(component, registry, given=given)
    return registry.get(component.name)(*positional, **given, **parameters)


@dataclass(frozen=True)
class Parameter:
    """What a recipe may set of a component.

    Attributes:
        default: Its value where the recipe says nothing; PydanticUndefined where the recipe must say something.
        meaning: What the component's docstring says of it.
    """

    default: Any
    meaning: str

    @property
    def is_required(self) -> bool:
        """Whether a recipe must set it."""
        return self.default is PydanticUndefined

    @property
    def default_in_yaml(self) -> str:
        """The default as a recipe has it."""
        if self.is_required:
            return "(required)"
        text: str = yaml.safe_dump(self.default, default_flow_style=True, width=math.inf, allow_unicode=True)
        return text.removesuffix("\n").removesuffix("\n...")


def parameter_table(component: Callable_, *, given: Collection[str]) -> Mapping[str, Parameter]:
    """Return each parameter that a recipe may set."""
    meanings = _meanings(component)
    return {
        name: Parameter(field.get_default(call_default_factory=True), meanings.get(name, ""))
        for name, field in _parameters_model(component, frozenset(given)).model_fields.items()
    }


def _meanings(component: Callable_) -> dict[str, str]:
    """Return what the section Args of the docstring says of each argument, a class's own before those it extends."""
    meanings: dict[str, str] = {}
    for documented in reversed(component.__mro__) if inspect.isclass(component) else (component,):
        section = ARGUMENTS.search(inspect.cleandoc(documented.__doc__ or ""))
        if section:
            meanings |= {name: " ".join(text.split()) for name, text in ARGUMENT.findall(section[1])}
    return meanings


@cache
def _parameters_model(component: Callable_, given: frozenset[str]) -> type[BaseModel]:
    function = component.__init__ if inspect.isclass(component) else component
    hints = get_type_hints(function, include_extras=True)
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and name not in given
    }
    untyped = [name for name in parameters if name not in hints]
    if untyped:
        raise UsageError(
            f"{component.__module__}.{component.__qualname__} has parameters without a type",
            got=", ".join(untyped),
            fix="annotate them, so that a recipe's values can be checked.",
        )
    fields: dict[str, Any] = {
        name: (hints[name], ... if parameter.default is inspect.Parameter.empty else parameter.default)
        for name, parameter in parameters.items()
    }
    model: type[BaseModel] = create_model(
        f"{component.__name__}Parameters", __config__=ConfigDict(extra="forbid"), **fields
    )
    return model
