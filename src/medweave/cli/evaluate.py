"""`medweave evaluate`: judge a model on cases with truth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from medweave.cli.progress import case_progress
from medweave.evaluation.report.report import FEW_SUBJECTS
from medweave.workflows import evaluate as workflow

SHOWN_METRICS = {
    "dice": ("Dice", ".3f"),
    "nsd_2mm": ("NSD 2 mm", ".3f"),
    "hd95_mm": ("HD95 mm", ".2f"),
    "assd_mm": ("ASSD mm", ".2f"),
    "volume_error_ml": ("volume error mL", "+.2f"),
}


def evaluate(
    model: Annotated[Path, typer.Argument(help="Run or bundle.")],
    data: Annotated[Path | None, typer.Option(help="Judge every case of this folder, as an external test set.")] = None,
    layout: Annotated[str, typer.Option(help="Layout of DATA.")] = "auto",
    split: Annotated[Literal["val", "test"], typer.Option(help="Part of the run's own data.")] = "test",
    output: Annotated[Path | None, typer.Option(help="Folder; by default the model's evaluation/<split>.")] = None,
    save_predictions: Annotated[bool, typer.Option(help="Keep the predicted label maps.")] = True,
    json_: Annotated[bool, typer.Option("--json", help="Print summary.json and nothing else.")] = False,
) -> None:
    """Judge a model on cases with truth: per case, with intervals, in a report."""
    with case_progress() as on_progress:
        evaluation = workflow.run(
            model,
            data=data,
            layout=layout,
            split=split,
            output=output,
            save_predictions=save_predictions,
            on_progress=lambda done, total: on_progress("evaluating", done, total),
        )
    if json_:
        print(json.dumps(evaluation.summary, indent=2))
        return
    console = Console()
    console.print(score_table(evaluation.summary))
    console.print(f"report: {evaluation.folder / 'report.html'}", soft_wrap=True, highlight=False)


def score_table(summary: Mapping[str, Any]) -> Table:
    """Return the scores of each structure with their intervals."""
    table = Table(
        title=f"{summary['split']}: {summary['n_cases']} cases of {summary['n_subjects']} subjects",
        caption=_caption(summary),
        title_justify="left",
        caption_justify="left",
    )
    for name in ("head", "structure", "metric"):
        table.add_column(name)
    for name in ("mean", "95 % interval", "worst"):
        table.add_column(name, justify="right")
    for head, facts in summary["heads"].items():
        for structure, found in facts["structures"].items():
            for metric, (label, form) in SHOWN_METRICS.items():
                is_first = metric == next(iter(SHOWN_METRICS))
                table.add_row(*((head, structure) if is_first else ("", "")), label, *_cells(found[metric], form))
            table.add_section()
    return table


def _cells(value: Mapping[str, Any], form: str) -> list[str]:
    low, high = value["ci95"]
    interval = "none: one subject" if low is None else f"{low:{form}} to {high:{form}}"
    return [f"{value['mean']:{form}}", interval, f"{value['worst']:{form}}"]


def _caption(summary: Mapping[str, Any]) -> str:
    """Say what was missed, what is in no number, and when the intervals say little."""
    lines = []
    if summary["n_subjects"] < FEW_SUBJECTS:
        lines.append("few subjects: the intervals are too narrow to be trusted")
    for head, facts in summary["heads"].items():
        lines += [
            f"{structure}: missed in {found['missed']} of {found['dice']['n']} cases, counted with the worst values"
            for structure, found in facts["structures"].items()
            if found["missed"]
        ]
        if facts["n_without_truth"]:
            lines.append(f"{head}: {facts['n_without_truth']} cases without a true label map are left out")
    return "\n".join(lines)
