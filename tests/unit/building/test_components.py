from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from medweave.building.components import (
    build_component,
    component_parameters,
    component_problems,
    parameter_table,
)
from medweave.core.registry import Registry
from medweave.recipes.section import Component

Share = Annotated[float, Field(ge=0, le=1)]


class Block:
    """A component of a test."""

    def __init__(
        self,
        *,
        in_channels: int,
        width: int,
        kind: Literal["plain", "residual"] = "plain",
        dropout: Share = 0.1,
        sizes: tuple[int, ...] = (1, 2),
    ) -> None:
        self.arguments = {
            "in_channels": in_channels,
            "width": width,
            "kind": kind,
            "dropout": dropout,
            "sizes": sizes,
        }


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    registry: Registry[Any] = Registry("block", home="medweave.losses")
    registry.register("block")(Block)
    registry.register("function")(lambda _items, *, scale=2.0: scale)
    return registry


def problems(registry: Registry[Any], **written: Any) -> list[str]:
    return component_problems("model.block", Component(**written), registry, given=("in_channels",), extra=("weight",))


def test_right_parameters_have_no_problem(registry) -> None:
    assert problems(registry, name="block", width=3, kind="residual", sizes=[4, 5], weight=2) == []


def test_every_wrong_parameter_is_a_line(registry) -> None:
    assert problems(registry, name="block", kind="odd", dropout=3, widht=4, in_channels=1) == [
        "model.block.width: field required, got {'kind': 'odd', 'dropout': 3, 'widht': 4, 'in_channels': 1}",
        "model.block.kind: input should be 'plain' or 'residual', got 'odd'",
        "model.block.dropout: input should be less than or equal to 1, got 3",
        "model.block.widht: unknown parameter of block 'block'. Did you mean 'width'? "
        "It takes width, kind, dropout, sizes, weight",
        "model.block.in_channels: unknown parameter of block 'block'. It takes width, kind, dropout, sizes, weight",
    ]


def test_unknown_name_is_a_line_with_a_suggestion(registry) -> None:
    (line,) = problems(registry, name="blok")
    assert line.startswith(
        "model.block.name: unknown block 'blok'. Did you mean 'block'? Wanted one of block, function"
    )


def test_a_component_without_types_is_refused_by_its_name(registry) -> None:
    (line,) = problems(registry, name="function")
    assert line.startswith("model.block.name: ")
    assert "<lambda> has parameters without a type: got scale. Fix: annotate them" in line


def test_parameters_are_completed_and_converted(registry) -> None:
    component = Component(name="block", width="3", sizes=[4, 5], weight=2)
    expected = {"width": 3, "kind": "plain", "dropout": 0.1, "sizes": (4, 5)}
    assert component_parameters(component, registry, given=("in_channels",)) == expected


def test_built_component_gets_what_is_given_and_what_is_written(registry) -> None:
    block = build_component(Component(name="block", width=3, weight=2), registry, in_channels=7)
    expected = {"in_channels": 7, "width": 3, "kind": "plain", "dropout": 0.1, "sizes": (1, 2)}
    assert block.arguments == expected


def test_table_lists_what_a_recipe_may_set() -> None:
    table = parameter_table(Block, given=("in_channels", "width"))
    assert {name: parameter.default for name, parameter in table.items()} == {
        "kind": "plain",
        "dropout": 0.1,
        "sizes": (1, 2),
    }
    assert [parameter.default_in_yaml for parameter in table.values()] == ["plain", "0.1", "[1, 2]"]


def test_the_meaning_of_a_parameter_is_that_of_the_docstring_that_is_nearest() -> None:
    class Base:
        """A base.

        Args:
            width: Of the base.
            height: Goes on
                in a second line.

        Raises:
            depth: Is no argument.
        """

    class Derived(Base):
        """A class that extends it.

        Args (beside those of the base):
            width: Its own.
        """

        def __init__(self, *, width: int = 1, height: int = 2, depth: int) -> None: ...

    table = parameter_table(Derived, given=())
    assert [parameter.default_in_yaml for parameter in table.values()] == ["1", "2", "(required)"]
    assert [parameter.meaning for parameter in table.values()] == ["Its own.", "Goes on in a second line.", ""]
