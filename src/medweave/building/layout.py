"""From a recipe's layout to the object that scans a data folder."""

from medweave.building.components import build_component, component_problems
from medweave.core.errors import UsageError
from medweave.data.layouts.layout import LAYOUTS, Layout
from medweave.recipes.schema import Component


def build_layout(component: Component) -> Layout:
    """Build the layout that a recipe or a command names.

    Raises:
        UsageError: The name is unknown, or a parameter is wrong.
    """
    LAYOUTS.get(component.name)
    problems = component_problems("layout", component, LAYOUTS, given=())
    if problems:
        raise UsageError("; ".join(problems))
    layout: Layout = build_component(component, LAYOUTS)
    return layout
