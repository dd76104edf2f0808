"""Checking a recipe, with or without the data that it is meant for."""

from collections.abc import Sequence
from pathlib import Path

from medweave.building.check import read_recipe
from medweave.building.layout import scan_data
from medweave.building.study import build_study_source, without_auto_spacing
from medweave.core.logging import get_logger
from medweave.data.split import draw_split
from medweave.recipes.schema import Recipe

logger = get_logger(__name__)


def run(recipe_source: str | Path, *, data: Path | None, overrides: Sequence[str] = ()) -> Recipe:
    """Check a recipe and return it complete.

    Args:
        recipe_source: Library name or file.
        data: Data folder whose names and number of cases must fit the recipe, or None.
        overrides: Each `dotted.key=value`.

    Raises:
        RecipeError: The recipe has problems; all are listed.
        DataError: The data do not fit the recipe.
    """
    recipe = read_recipe(recipe_source, overrides)
    if data is not None:
        index = scan_data(data, recipe.data)
        source = build_study_source(without_auto_spacing(recipe))
        source.check(index)
        for line in source.left_out(index.cases):
            logger.warning("%s", line)
        shares = recipe.data.split
        draw_split(
            [case for case in index.cases if source.is_usable(case)],
            shares={"train": shares.train, "val": shares.val, "test": shares.test},
            seed=shares.seed,
            stratify_by=source.first_target,
        )
    return recipe
