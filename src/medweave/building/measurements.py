"""From the recipe to what is measured in a case."""

from medweave.building.components import build_component
from medweave.building.study import input_of_head
from medweave.measurements.measurement import MEASUREMENTS, Measurements
from medweave.recipes.schema import Recipe


def build_measurements(recipe: Recipe) -> Measurements | None:
    """Build what is measured in the label maps of a case, or return None where the recipe measures nothing."""
    if recipe.measurements is None:
        return None
    measurements: Measurements = build_component(recipe.measurements, MEASUREMENTS)
    return measurements


def measurement_problems(recipe: Recipe) -> list[str]:
    """Return what makes the recipe's heads unfit for its measurements, a line each."""
    measurements = build_measurements(recipe)
    if measurements is None:
        return []
    heads = recipe.data.segmentation_heads
    found = measurements.problems(
        {name: tuple(head.structures) for name, head in heads.items()},
        {name: recipe.data.inputs[input_of_head(recipe, name)[0]].spatial_dims for name in heads},
    )
    return [f"measurements.{problem}" for problem in found]
