"""What every registered component promises, whatever its kind: a recipe can set each parameter by name and type."""

import pytest

from medweave.building.check import REGISTRIES
from medweave.building.components import parameter_table
from medweave.testing.signature import signature_problems

#: Arguments that come first by position: the sample's keys; the parameters; the optimizer and the course; the cases.
POSITIONAL = {"augmentations": 1, "optimizers": 1, "schedulers": 2, "measurement_classifiers": 1}
COMPONENTS = [
    pytest.param(kind, name, id=f"{kind}-{name}")
    for kind, (registry, _) in REGISTRIES.items()
    for name in registry.names()
]


def test_every_kind_has_components() -> None:
    kinds = {param.values[0] for param in COMPONENTS}
    assert kinds == {
        *("layouts", "encoders", "fusions", "heads", "losses", "augmentations", "optimizers", "schedulers"),
        *("measurements", "measurement_classifiers"),
    }
    assert len(COMPONENTS) >= 32


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_a_recipe_can_set_each_parameter_by_name_and_type(kind, name):
    registry, given = REGISTRIES[kind]
    assert signature_problems(registry.get(name), given=given, positional=POSITIONAL.get(kind, 0)) == []


@pytest.mark.parametrize(("kind", "name"), COMPONENTS)
def test_the_docstring_tells_each_parameter(kind, name):
    registry, given = REGISTRIES[kind]
    table = parameter_table(registry.get(name), given=given)
    assert [parameter for parameter, entry in table.items() if not entry.meaning.endswith(".")] == []
