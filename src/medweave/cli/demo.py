"""`medweave demo`: everything on a synthetic study."""

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from medweave.cli.evaluate import score_tables
from medweave.cli.progress import case_progress
from medweave.workflows import demo as workflow


def demo(
    output: Annotated[Path | None, typer.Option(help="New folder; by default a temporary one.")] = None,
) -> None:
    """Draw a study of beating synthetic hearts, inspect it, train, evaluate, export, predict; needs no data."""
    started = time.perf_counter()
    folder = output or Path(tempfile.mkdtemp(prefix="medweave-demo-"))
    messages = Console(stderr=True, highlight=False)
    with case_progress() as on_progress:
        result = workflow.run(
            folder, on_stage=lambda stage: messages.print(f"• {stage}", soft_wrap=True), on_progress=on_progress
        )
    console = Console(highlight=False)
    for table in score_tables(result.summary):
        console.print(table)
    print(f"the data:        {result.inspection}")
    print(f"the run:         {result.run}")
    print(f"the bundle:      {result.bundle}")
    print(f"the predictions: {result.predictions}")
    print(f"the report:      {result.report}")
    print(f"{', '.join(_scores(result.summary['heads']))} in {time.perf_counter() - started:.0f} seconds")


def _scores(heads: Mapping[str, Any]) -> list[str]:
    """Return the mean Dice of each segmentation and the accuracy of each way to classify."""
    return [
        f"{name} Dice {head['mean_dice']['mean']:.3f}"
        if head["kind"] == "segmentation"
        else f"{name} accuracy {head['accuracy']['mean']:.2f}"
        for name, head in heads.items()
    ]
