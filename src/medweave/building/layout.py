"""What a recipe says of a data folder: its layout, its cases, and the images' numbers of axes."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from medweave.building.components import build_component, component_problems
from medweave.core.errors import UsageError
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS, Layout, scan
from medweave.recipes.data import Data, SegmentationHead
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


def scan_data(root: Path, settings: Data) -> DatasetIndex:
    """List the cases of a data folder as a recipe describes it, without those that it leaves out.

    Where the data set declares no structures of a label map, they are those that the recipe's heads read of it.

    Raises:
        DataError: The folder is not of the recipe's layout, or lacks a case that is to be left out.
        UsageError: The layout's name or a parameter is wrong.
    """
    index = scan(root, layout=build_layout(settings.layout)).without(settings.exclude)
    named: dict[str, dict[str, int]] = {}
    for head, entry in settings.segmentation_heads.items():
        image_name = settings.image_of(head)
        if image_name in index.label_map_names and image_name not in index.structures:
            named.setdefault(image_name, {}).update(_values_read(head, entry, known=named.get(image_name, {})))
    return replace(index, structures={**index.structures, **named}, structures_of_recipe=frozenset(named))


def _values_read(head: str, entry: SegmentationHead, *, known: Mapping[str, int]) -> dict[str, int]:
    """Return a name for each value that a head reads of its label maps."""
    read: dict[str, int] = {}
    for structure, (first, *others) in entry.structures.items():
        name = f"{head} {structure}" if known.get(structure, first) != first else structure
        read |= {name: first, **{f"{name} ({other})": other for other in others}}
    return read


def image_dims(recipe: Recipe) -> dict[str, int]:
    """Return 2 or 3 for each image that the recipe's inputs take."""
    return {name: source.spatial_dims for source in recipe.data.inputs.values() for name in source.channels}
