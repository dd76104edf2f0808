"""`medweave train`: from a recipe and a data folder to a run."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from medweave.cli.progress import case_progress
from medweave.training.summary import measurement_lines
from medweave.workflows import train as workflow


def train(
    recipe: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    data: Annotated[Path, typer.Option(help="Data folder.")],
    output: Annotated[Path, typer.Option(help="New folder for the run.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: dotted.key=value …", metavar="KEY=VALUE")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder.")] = False,
) -> None:
    """Train a recipe on a data folder."""
    with case_progress() as on_progress:
        result = workflow.run(
            recipe, data=data, output=output, overrides=overrides or [], resume=resume, on_progress=on_progress
        )
    summary = result.summary
    print(
        f"best {summary['monitor']} {summary['best_value']:.4f} in epoch {summary['best_epoch']} of {summary['epochs']}"
    )
    for line in measurement_lines(summary):
        print(line)
    print(f"{summary['seconds'] / 60:.1f} minutes; {result.run.path}")
    print(f"next: medweave evaluate {quote(str(result.run.path))}")
