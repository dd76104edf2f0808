"""`medweave predict`: segment images with a trained model."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from medweave.cli.progress import case_progress
from medweave.workflows import predict as workflow


def predict(
    model: Annotated[Path, typer.Argument(help="Run or bundle.")],
    inputs: Annotated[list[Path], typer.Argument(help="Image files or folders.", metavar="INPUT...")],
    output: Annotated[Path, typer.Option(help="New folder for the results.")],
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write probabilities too.")] = False,
    overlay: Annotated[bool, typer.Option(help="Draw a picture of each case.")] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Segment images; label maps come on each image's own grid. Exit code 1 when a case failed."""
    with case_progress() as on_progress:
        report = workflow.run(
            model, inputs, output=output, probabilities=probabilities, overlay=overlay, on_progress=on_progress
        )
    if json_:
        print((report.folder / "predictions.json").read_text(encoding="utf-8"), end="")
    else:
        table = Table("case", "head", "structure", "volume mL")
        table.columns[3].justify = "right"
        for row in report.rows:
            if row["status"] == "done":
                table.add_row(row["case_id"], row["head"], row["structure"], f"{row['volume_ml']:.2f}")
        Console(highlight=False).print(table)
        print(f"written to {report.folder}")
    for reason in report.failures.values():
        print(f"error: {reason}", file=sys.stderr)
    if report.failures:
        raise typer.Exit(1)
