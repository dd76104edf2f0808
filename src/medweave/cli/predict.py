"""`medweave predict`: segment and classify images with a trained model."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from medweave.cli.progress import case_progress
from medweave.inference.backends.provider import Provider
from medweave.measurements.measurement import measurement_label
from medweave.workflows import predict as workflow
from medweave.workflows.predict import PredictionOptions

#: Measurements of a case that are printed; a set names the most important first.
MAX_MEASUREMENTS = 18


def predict(
    model: Annotated[Path, typer.Argument(help="Run or bundle.")],
    inputs: Annotated[list[Path], typer.Argument(help="Image files, case tables or folders.", metavar="INPUT...")],
    output: Annotated[Path, typer.Option(help="New folder for the results.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on in a folder that holds predictions.")] = False,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Write probabilities too.")] = False,
    overlay: Annotated[bool, typer.Option(help="Draw a picture of each case.")] = True,
    flips: Annotated[
        bool | None, typer.Option("--flips/--no-flips", help="Average over mirrored copies; by default as in training.")
    ] = None,
    uncertainty: Annotated[
        bool, typer.Option("--uncertainty", help="Write how far mirrored copies and networks differ in each voxel.")
    ] = False,
    validate: Annotated[bool, typer.Option(help="Warn of images that are unlike the training images.")] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse such images instead.")] = False,
    provider: Annotated[Provider | None, typer.Option(help="What computes a bundle.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Segment and classify images; label maps come on each image's own grid. Exit code 1 when a case failed."""
    options = PredictionOptions(probabilities, overlay, uncertainty, flips, validate, strict)
    with case_progress() as on_progress:
        report = workflow.run(
            model, inputs, output=output, options=options, resume=resume, provider=provider, on_progress=on_progress
        )
    if json_:
        print((report.folder / "predictions.json").read_text(encoding="utf-8"), end="")
    else:
        _print_report(report)
    for reason in report.failures.values():
        print(f"error: {reason}", file=sys.stderr)
    if report.failures:
        raise typer.Exit(1)


def _print_report(report: workflow.PredictionReport) -> None:
    if report.n_resumed:
        print(f"{report.n_resumed} of {report.n_cases} cases were done before")
    if any(record["status"] == "done" for record in report.records):
        Console(highlight=False).print(answer_table(report.records))
    further = report.n_cases - report.n_resumed - len(report.records)
    if further:
        print(f"and {further} more cases in predictions.csv")
    if report.doubtful:
        print(f"{report.doubtful} of {report.n_cases} cases are unlike the training images; see their warnings")
    print(f"written to {report.folder}")


def answer_table(records: Sequence[Mapping[str, Any]]) -> Table:
    """Return a line for each structure, class (likeliest first) and warning, and for each case's first measurements."""
    table = Table("case", "head", "answer", "value")
    table.columns[3].justify = "right"
    for record in records:
        if record["status"] != "done":
            continue
        for position, line in enumerate([*_answers(record), *_measurements(record), *_warnings(record)]):
            table.add_row("" if position else record["case_id"], *line)
        table.add_section()
    return table


def _answers(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    lines = [
        (head, name, f"{found['volume']:.2f}{_deviation(found, 2)} {answer['unit']}")
        for head, answer in record["segmentations"].items()
        for name, found in answer["structures"].items()
    ]
    for head, answer in sorted(record["classifications"].items()):
        likeliest = sorted(answer["classes"].items(), key=lambda entry: -entry[1]["probability"])
        lines += [(head, name, f"{found['probability']:.3f}{_deviation(found, 3)}") for name, found in likeliest]
    return lines


def _measurements(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = record["measurements"]
    lines = [("", measurement_label(entry["name"]), _with_unit(entry)) for entry in found[:MAX_MEASUREMENTS]]
    if len(found) > MAX_MEASUREMENTS:
        lines.append(("", f"and {len(found) - MAX_MEASUREMENTS} more in predictions.csv", ""))
    return lines


def _warnings(record: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [("doubtful", f"{found['input_name']}: {found['message']}", "") for found in record["warnings"]]


def _deviation(found: Mapping[str, float], digits: int) -> str:
    return f" ± {found['standard_deviation']:.{digits}f}" if "standard_deviation" in found else ""


def _with_unit(entry: Mapping[str, Any]) -> str:
    return "not measured" if entry["value"] is None else f"{entry['value']:.1f} {entry['unit']}".rstrip()
