"""What a recipe says of a data folder: its layout, and the images' numbers of axes."""

from medweave.building.components import build_component, component_problems
from medweave.core.errors import UsageError
from medweave.data.layouts.layout import LAYOUTS, Layout
from medweave.recipes.schema import Recipe
from medweave.recipes.section import Component


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


def image_dims(recipe: Recipe) -> dict[str, int]:
    """Return 2 or 3 for each image that the recipe's inputs take."""
    return {name: source.spatial_dims for source in recipe.data.inputs.values() for name in source.channels}
