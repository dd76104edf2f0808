"""`medweave predict`: segment images with a trained model."""

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medweave.cli.progress import case_progress
from medweave.measurements.measurement import measurement_label
from medweave.workflows import predict as workflow

#: Measurements of a case that are printed; a set names the most important first.
MAX_MEASUREMENTS = 11


def predict(
    model: Annotated[Path, typer.Argument(help="Run or bundle.")],
    inputs: Annotated[list[Path], typer.Argument(help="Image files, case tables or folders.", metavar="INPUT...")],
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
        Console(highlight=False).print(answer_table(report.rows))
        print(f"written to {report.folder}")
    for reason in report.failures.values():
        print(f"error: {reason}", file=sys.stderr)
    if report.failures:
        raise typer.Exit(1)


def answer_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for each structure, each class (likeliest first) and each case's first measurements."""
    table = Table("case", "head", "answer", "value")
    table.columns[3].justify = "right"
    for case_id, group in groupby((row for row in rows if row["status"] == "done"), key=itemgetter("case_id")):
        of_case = list(group)
        classes = sorted((row for row in of_case if "class" in row), key=lambda row: (row["head"], -row["probability"]))
        measured = [row for row in of_case if "measurement" in row]
        lines = [
            (row["head"], row["structure"], f"{row['volume_ml']:.2f} {row['unit']}")
            for row in of_case
            if "structure" in row
        ]
        lines += [(row["head"], row["class"], f"{row['probability']:.3f}") for row in classes]
        lines += [("", measurement_label(row["measurement"]), _with_unit(row)) for row in measured[:MAX_MEASUREMENTS]]
        if len(measured) > MAX_MEASUREMENTS:
            lines.append(("", f"and {len(measured) - MAX_MEASUREMENTS} more in predictions.csv", ""))
        for position, line in enumerate(lines):
            table.add_row("" if position else case_id, *line)
        table.add_section()
    return table


def _with_unit(row: Mapping[str, Any]) -> str:
    return "not measured" if row["value"] is None else f"{row['value']:.1f} {row['unit']}".rstrip()
