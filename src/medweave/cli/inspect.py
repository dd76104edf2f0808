"""`medweave inspect`: what a data folder holds, and what is wrong with it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from medweave.cli.progress import case_progress
from medweave.core.counting import counted
from medweave.data.audit import Audit
from medweave.data.summary import Spread, Summary
from medweave.figures.page import format_number
from medweave.workflows import inspect as workflow

MAX_FINDINGS = 30
MAX_CASES = 3


def inspect(
    data: Annotated[Path, typer.Argument(help="Data folder, or a table of cases.")],
    layout: Annotated[
        str | None, typer.Option(help="How the folder is arranged; by default what it looks like.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe whose layout describes the folder.")] = None,
    output: Annotated[Path | None, typer.Option(help="New folder for the HTML report, JSON files and figures.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Count, measure and audit a data folder; exit code 1 when the audit finds an error."""
    with case_progress() as on_progress:
        inspection = workflow.run(data, layout=layout, recipe=recipe, output=output, on_progress=on_progress)
    if json_:
        print(json.dumps(inspection.to_json(), allow_nan=False))
    else:
        _print_tables(inspection)
    if inspection.audit.errors:
        raise typer.Exit(1)


def _print_tables(inspection: workflow.Inspection) -> None:
    console = Console(highlight=False, markup=False)
    summary = inspection.summary
    console.print(Text(summary.name, style="bold"), f"  layout {summary.layout}, {inspection.index.root}")
    console.print(f"{counted(summary.n_cases, 'case')} of {counted(summary.n_subjects, 'subject')}")
    if len(summary.images) > 1:
        console.print(f"images: {', '.join(f'{names} in {count}' for names, count in summary.patterns.items())}")
    if summary.n_label_maps:
        console.print(f"label maps: {', '.join(f'{name} in {n}' for name, n in summary.n_label_maps.items())}")
    console.print(_image_table(summary), _intensity_table(summary))
    if summary.structures:
        console.print(_structure_table(summary))
    if summary.classes:
        console.print(_class_table(summary))
    console.print(
        _audit_table(inspection.audit, inspection.index.root) if inspection.audit.findings else "audit: clean"
    )
    console.print(
        f"{counted(len(inspection.audit.errors), 'error')}, {counted(len(inspection.audit.warnings), 'warning')}"
    )
    if inspection.report is not None:
        console.print(f"report: {inspection.report}")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _image_table(summary: Summary) -> Table:
    table = _table(
        "images (median, smallest to largest)",
        ("image", "cases", "channels", "axis", "header", "size (voxels)", "spacing (mm)", "size (mm)"),
    )
    for name, image in summary.images.items():
        codes = [code for code in image.orientations if code]
        for axis, (voxels, spacing, size) in enumerate(
            zip(image.size_voxels, image.spacing_mm, image.size_mm, strict=True)
        ):
            about = (name, str(image.n_cases), ", ".join(map(str, image.n_channels))) if axis == 0 else ("", "", "")
            header = "/".join(code[axis] for code in codes)
            table.add_row(*about, "xyz"[axis], header, _spread(voxels), _spread(spacing), _spread(size))
    return table


def _intensity_table(summary: Summary) -> Table:
    table = _table(
        "intensity (medians over the cases)", ("image", "voxels", "min", "1 %", "median", "99 %", "max", "mean", "std")
    )
    for name, image in summary.images.items():
        for kind, found in (("all", image.intensity), ("labelled", image.foreground_intensity)):
            if found is not None:
                numbers = (found.minimum, found.p01, found.p50, found.p99, found.maximum, found.mean, found.std)
                table.add_row(name, kind, *(format_number(number, 4) for number in numbers))
    return table


def _structure_table(summary: Summary) -> Table:
    table = _table(
        "structures (median, smallest to largest)",
        ("label map of", "structure", "present in", "volume", "volume (voxels)"),
    )
    for label_map, structures in summary.structures.items():
        for name, found in structures.items():
            table.add_row(
                label_map,
                name,
                f"{found.n_cases} of {found.n_label_maps}",
                f"{_spread(found.volume_ml)} {found.unit}" if found.volume_ml else "absent",
                _spread(found.voxels) if found.voxels else "",
            )
    return table


def _class_table(summary: Summary) -> Table:
    table = _table("classes", ("target", "class", "cases", "share"))
    for target, classes in summary.classes.items():
        for name, count in classes.items():
            table.add_row(target, name, str(count), f"{count / summary.n_cases:.0%}")
    return table


def _audit_table(audit: Audit, root: Path) -> Table:
    table = _table("audit", ("", "cases", "message and fix"))
    for finding in audit.findings[:MAX_FINDINGS]:
        more = len(finding.case_ids) - MAX_CASES
        cases = ", ".join(finding.case_ids[:MAX_CASES]) + (f" and {more} more" if more > 0 else "")
        path = (
            f"{finding.path.relative_to(root) if finding.path.is_relative_to(root) else finding.path}: "
            if finding.path
            else ""
        )
        severity = Text(finding.severity, style="red" if finding.severity == "error" else "yellow")
        table.add_row(severity, cases, f"{path}{finding.message}. Fix: {finding.fix}")
    if len(audit.findings) > MAX_FINDINGS:
        table.add_row("", "", f"and {len(audit.findings) - MAX_FINDINGS} more; --output or --json lists them all")
    return table


def _spread(found: Spread) -> str:
    if found.minimum == found.maximum:
        return format_number(found.median, 4)
    return f"{format_number(found.median, 4)} ({format_number(found.minimum, 4)} to {format_number(found.maximum, 4)})"
