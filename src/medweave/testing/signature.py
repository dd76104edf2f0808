"""What every registered component promises, whatever its kind: a recipe can set each parameter by name and type."""

import inspect
from collections.abc import Collection
from typing import Any, get_type_hints

from medweave.building.components import parameter_table
from medweave.core.registry import Component

MIN_SUMMARY = 10


def signature_problems(component: Component, *, given: Collection[str] = (), positional: int = 0) -> list[str]:
    """Return what keeps a recipe from setting the parameters of a component, a line each.

    Args:
        component: A registered class or function.
        given: Names of the arguments that the builder gives.
        positional: Number of arguments that the builder gives by position.
    """
    parameters = inspect.signature(component).parameters.values()
    hints = get_type_hints(component.__init__ if inspect.isclass(component) else component)
    by_position = [entry.name for entry in parameters if entry.kind is not inspect.Parameter.KEYWORD_ONLY]
    problems = [f"{entry.name}: has no type" for entry in parameters if hints.get(entry.name, Any) is Any]
    if len(by_position) != positional:
        got = ", ".join(by_position) or "none"
        problems.append(f"{positional} arguments may be given by position, got {got}; the others are keyword-only")
    if not problems:
        table = parameter_table(component, given=given)
        problems = [f"{name}: has no default" for name, entry in table.items() if entry.is_required]
    if len((component.__doc__ or "").split("\n")[0]) < MIN_SUMMARY:
        problems.append("the docstring does not say what it is")
    return problems
