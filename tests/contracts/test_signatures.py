"""What every registered component promises, whatever its kind: a recipe can set each parameter by name and type."""

import inspect
from typing import Any, get_type_hints

import pytest

from medweave.building.check import REGISTRIES
from medweave.building.components import parameter_table

#: Arguments that come first by position: the sample's keys; the parameters; the optimizer and the course; the cases.
POSITIONAL = {"augmentations": 1, "optimizers": 1, "schedulers": 2, "measurement_classifiers": 1}
COMPONENTS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind, (registry, _) in REGISTRIES.items()
    for name in registry.names()
]


def _parameters(kind, name):
    component = REGISTRIES[kind][0].get(name)
    function = component.__init__ if inspect.isclass(component) else component
    parameters = list(inspect.signature(component).parameters.values())
    return function, parameters, component


def test_every_kind_has_components() -> None:
    kinds = {param.values[0] for param in COMPONENTS}
    assert kinds == {
        *("layouts", "encoders", "fusions", "heads", "losses", "augmentations", "optimizers", "schedulers"),
        *("measurements", "measurement_classifiers"),
    }
    assert len(COMPONENTS) >= 32


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_parameters_are_keyword_only_but_for_what_the_builder_gives_first(kind, name):
    _, parameters, _ = _parameters(kind, name)
    by_position = [p.name for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    assert len(by_position) == POSITIONAL.get(kind, 0)


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_parameters_have_a_type_that_is_not_any(kind, name):
    function, parameters, _ = _parameters(kind, name)
    hints = get_type_hints(function)
    assert [p.name for p in parameters if hints.get(p.name, Any) is Any] == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_parameters_of_a_recipe_have_defaults_that_their_types_accept(kind, name):
    _, _, component = _parameters(kind, name)
    table = parameter_table(component, given=REGISTRIES[kind][1])
    assert [key for key, default in table.items() if repr(default) == "PydanticUndefined"] == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_what_a_component_is_stands_in_its_docstring(kind, name):
    _, _, component = _parameters(kind, name)
    assert len((component.__doc__ or "").split("\n")[0]) > 10
