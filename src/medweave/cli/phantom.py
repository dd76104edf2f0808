"""`medweave phantom`: write a synthetic study."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from medweave.workflows import phantom as workflow


def phantom(
    name: Annotated[str, typer.Argument(help=f"Study: {', '.join(workflow.STUDIES)}.")],
    output: Annotated[Path, typer.Option(help="New folder for the study.")],
    cases: Annotated[int, typer.Option(help="Cases to draw.")] = 24,
    seed: Annotated[int, typer.Option(help="Seed of the drawing; the same seed gives the same study.")] = 0,
) -> None:
    """Draw a synthetic study, to try recipes without data."""
    recipe = workflow.run(name, output, n_cases=cases, seed=seed)
    print(output)
    print(f"next: medweave train {recipe} --data {quote(str(output))} --output runs/{name}")
