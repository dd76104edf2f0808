import dataclasses

import pytest

from medweave.testing.signature import signature_problems


def sound(*, given: int, scale: float = 1.0) -> float:
    """A function as it should be."""
    return given * scale


@dataclasses.dataclass(kw_only=True)
class Sound:
    """A dataclass as it should be."""

    given: int
    scale: float = 1.0


def by_position(given: int, scale: float = 1.0) -> float:
    """Takes both by position."""
    return given * scale


def untyped(*, given, scale=1.0):
    """Says no types."""
    return given * scale


def without_default(*, given: int, scale: float) -> float:
    """Wants a parameter of the recipe."""
    return given * scale


def nameless(*, given: int) -> float:
    return given


@pytest.mark.parametrize("component", [sound, Sound])
def test_a_sound_component_has_no_problem(component):
    assert signature_problems(component, given=["given"]) == []


@pytest.mark.parametrize(
    ("component", "problems"),
    [
        (by_position, ["0 arguments may be given by position, got given, scale; the others are keyword-only"]),
        (untyped, ["given: has no type", "scale: has no type"]),
        (without_default, ["scale: has no default"]),
        (nameless, ["the docstring does not say what it is"]),
    ],
)
def test_each_problem_is_named(component, problems):
    assert signature_problems(component, given=["given"]) == problems


def test_arguments_by_position_are_as_many_as_the_builder_gives():
    assert signature_problems(by_position, positional=2) == []
