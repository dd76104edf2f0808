"""What the contracts have in common: a component by its name, the cases that it is tested in, its signature."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest

from medweave.core.registry import Registry
from medweave.testing.signature import signature_problems


class Contract:
    """The tests of one kind of component; a subclass whose name begins with Test runs them on one component.

    Attributes:
        name: Registered name of the component.
        parameters: Sets of parameters, as a recipe would give them, that the component is tested with; small networks
            make quick tests.
        registry: Of the kind.
        given: Names of the arguments that the builder gives.
    """

    name: ClassVar[str]
    parameters: ClassVar[Sequence[Mapping[str, Any]]] = ({},)
    registry: ClassVar[Registry[Any]]
    given: ClassVar[tuple[str, ...]] = ()

    @property
    def component(self) -> Any:
        """The registered class or function."""
        return self.registry.get(self.name)

    @property
    def cases(self) -> Sequence[object]:
        """What else the tests are repeated with, beside the sets of parameters."""
        return ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Repeat the tests that take `parameters` or `case`."""
        for argument, values in (("parameters", self.parameters), ("case", self.cases)):
            if argument in metafunc.fixturenames:
                metafunc.parametrize(argument, values, ids=str)

    def test_a_recipe_can_set_each_parameter_by_name_and_type(self) -> None:
        assert signature_problems(self.component, given=self.given) == []
