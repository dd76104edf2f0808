"""`medweave recipes`: the library of recipes and the components that they may name."""

import json
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medweave.recipes.loader import copy_recipe, json_schema, library_file, library_names

LEGEND = (
    "Those under reference/ rebuild published systems; the others are recommended. `medweave recipes show` prints one."
)

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="The library of recipes.")


def _describe() -> Any:
    """Return the workflow that describes networks; it imports PyTorch, which listing and copying do without."""
    return import_module("medweave.workflows.describe")


@app.command("list")
def list_() -> None:
    """List the recipes of the library."""
    names = library_names()
    width = max(map(len, names))
    for name in names:
        purpose = library_file(name).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        print(f"{name:{width}}  {purpose}")
    print(f"\n{LEGEND}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    model: Annotated[bool, typer.Option("--model", help="Show the network's layers and parameters instead.")] = False,
) -> None:
    """Print a recipe, or the layers of its network."""
    if not model:
        path = Path(name) if Path(name).is_file() else library_file(name)
        print(path.read_text(encoding="utf-8"), end="")
        return
    table = Table("layer", "output", "parameters", title=name)
    table.columns[2].justify = "right"
    description = _describe().run(name)
    for layer in description.layers:
        table.add_row(layer.name, "x".join(str(size) for size in layer.output), f"{layer.parameters:,}")
    Console(highlight=False).print(table)
    print(f"{description.parameters:,} trainable parameters; input {'x'.join(str(size) for size in description.input)}")


@app.command()
def copy(
    name: Annotated[str, typer.Argument(help="Library name.")],
    file: Annotated[Path, typer.Argument(help="New file.")],
) -> None:
    """Copy a recipe to a file, to change it."""
    copy_recipe(name, file)
    print(f"{file}\nnext: medweave check {quote(str(file))}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    print(json.dumps(json_schema(), indent=2))


@app.command()
def components() -> None:
    """List all components that a recipe may name, with their parameters and defaults."""
    for kind, entries in _describe().components().items():
        print(f"{kind}")
        for entry in entries:
            origin = f" (plug-in {entry.plugin})" if entry.plugin else ""
            print(f"  {entry.name:20} {entry.summary}{origin}")
            for name, parameter in entry.parameters.items():
                print(f"      {f'{name}: {parameter.default_in_yaml}':34} {parameter.meaning}")
