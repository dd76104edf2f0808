from types import SimpleNamespace

import pytest

from medweave.core.registry import Registry
from medweave.testing.contract import Contract


def half(*, of: int = 2) -> float:
    """Divides a number by two."""
    return of / 2


class HalfContract(Contract):
    registry = Registry("number", home="medweave.core")
    name = "half"
    parameters = ({"of": 1}, {"of": 2})
    cases = (2, 3)


HalfContract.registry.register("half")(half)


@pytest.mark.parametrize(
    ("wanted", "repeated"),
    [
        ([], {}),
        (["case"], {"case": (2, 3)}),
        (["parameters", "case", "tmp_path"], {"parameters": ({"of": 1}, {"of": 2}), "case": (2, 3)}),
    ],
)
def test_tests_are_repeated_with_what_they_take(wanted, repeated):
    found = {}
    metafunc = SimpleNamespace(fixturenames=wanted, parametrize=lambda name, values, ids: found.update({name: values}))
    HalfContract().pytest_generate_tests(metafunc)
    assert found == repeated


def test_the_component_is_looked_up_and_its_signature_tested():
    assert HalfContract().component is half
    HalfContract().test_a_recipe_can_set_each_parameter_by_name_and_type()


def test_a_bad_signature_fails():
    class Bad(HalfContract):
        name = "bad"

    Bad.registry.register("bad")(lambda number: number)
    with pytest.raises(AssertionError, match="number: has no type"):
        Bad().test_a_recipe_can_set_each_parameter_by_name_and_type()
