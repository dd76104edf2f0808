"""`medweave check`: all problems of a recipe at once."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from medweave.recipes.loader import dump_recipe
from medweave.workflows import check as workflow


def check(
    recipe: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    data: Annotated[Path | None, typer.Option(help="Data folder that the recipe is meant for.")] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: dotted.key=value …", metavar="KEY=VALUE")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Print the recipe with every default written out.")] = False,
) -> None:
    """Check a recipe; exit code 2 and a list when it has problems."""
    checked = workflow.run(recipe, data=data, overrides=overrides or [])
    print(dump_recipe(checked) if full else f"{checked.name}: no problems", end="" if full else "\n")
    if data is not None and not full:
        print(f"next: medweave inspect {quote(str(data))} --recipe {quote(recipe)}")
