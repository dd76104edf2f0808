"""`medweave train`: from a recipe and a data folder to a run."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer
from rich.console import Console

from medweave.cli.progress import case_progress
from medweave.training.folds import SCORE, alarm_lines
from medweave.training.summary import measurement_lines
from medweave.training.training_fit import fit_lines
from medweave.workflows import train as workflow
from medweave.workflows import train_folds as folds_workflow


def train(
    recipe: Annotated[str, typer.Argument(help="Library name or YAML file.")],
    data: Annotated[Path, typer.Option(help="Data folder.")],
    output: Annotated[Path, typer.Option(help="New folder for the run.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the recipe: dotted.key=value …", metavar="KEY=VALUE")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Train an ensemble: one run for each of so many folds of train and val.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder.")] = False,
) -> None:
    """Train a recipe on a data folder."""
    messages = Console(stderr=True, highlight=False)
    with case_progress() as on_progress:
        if folds is None:
            result = workflow.run(
                recipe, data=data, output=output, overrides=overrides or [], resume=resume, on_progress=on_progress
            )
        else:
            result = folds_workflow.run(
                recipe,
                data=data,
                output=output,
                n_folds=folds,
                overrides=overrides or [],
                resume=resume,
                on_stage=lambda line: messages.print(line, soft_wrap=True),
                on_progress=on_progress,
            )
    for line in _lines(result.summary) if folds is None else _fold_lines(result.summary):
        print(line)
    print(f"{result.summary['seconds'] / 60:.1f} minutes; {result.run.path}")
    print(f"next: medweave evaluate {quote(str(result.run.path))}")


def _lines(summary: Mapping[str, Any]) -> list[str]:
    best, epochs = f"{summary['monitor']} {summary['best_value']:.4f}", summary["epochs"]
    ended = f"; it ended, {summary['ended']}" if summary["ended_early"] else ""
    how = f"best {best} in epoch {summary['best_epoch']} of {epochs}{ended}"
    return [how, *fit_lines(summary), *measurement_lines(summary)]


def _fold_lines(summary: Mapping[str, Any]) -> list[str]:
    score = summary["score"]
    spread = f"{score['mean']:.4f} ({score['lowest']:.4f} to {score['highest']:.4f})"
    alarms = [f"alarm: {line}" for line in alarm_lines(summary["alarms"])]
    return [f"mean {SCORE} of {len(summary['folds'])} folds: {spread}", *measurement_lines(summary), *alarms]
