"""`medweave evaluate`: judge a model on cases with truth."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from medweave.cli.progress import case_progress
from medweave.core.counting import counted
from medweave.evaluation.report.report import FEW_SUBJECTS
from medweave.measurements.measurement import measurement_label
from medweave.workflows import evaluate as workflow

STRUCTURE_METRICS = {
    "dice": ("Dice", ".3f"),
    "nsd_2mm": ("NSD 2 mm", ".3f"),
    "hd95_mm": ("HD95 mm", ".2f"),
    "assd_mm": ("ASSD mm", ".2f"),
    "volume_error_ml": ("volume error", "+.2f"),
}
CLASS_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "roc_auc": "ROC AUC",
    "ece": "calibration error",
}
#: Measurements that are printed; a set names the most important first.
MAX_MEASUREMENTS = 11


def evaluate(
    model: Annotated[Path, typer.Argument(help="Run or bundle.")],
    data: Annotated[Path | None, typer.Option(help="Judge every case of this folder, as an external test set.")] = None,
    layout: Annotated[str | None, typer.Option(help="Layout of DATA; by default that of the run's own data.")] = None,
    split: Annotated[
        Literal["val", "test", "folds"] | None,
        typer.Option(
            help="Part of the run's own data; by default test, and for an ensemble folds too: train and val, each case "
            "answered by the run that left it out."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder; by default the model's evaluation/<split>. With two parts it gets a folder of each."
        ),
    ] = None,
    save_predictions: Annotated[bool, typer.Option(help="Keep the predicted label maps.")] = True,
    shortcut_control: Annotated[
        bool,
        typer.Option(
            "--shortcut-control",
            help="Also classify with the masked region filled with the image's mean, and with all but it.",
        ),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print summary.json and nothing else.")] = False,
) -> None:
    """Judge a model on cases with truth: per case, with intervals, in a report."""
    parts: tuple[workflow.OwnPart, ...] = ("test",) if data else workflow.parts_by_default(model)
    parts = (split,) if split else parts
    with case_progress() as on_progress:
        evaluations = [
            workflow.run(
                model,
                data=data,
                layout=layout,
                split=part,
                output=output / part if output and len(parts) > 1 else output,
                save_predictions=save_predictions,
                shortcut_control=shortcut_control,
                on_progress=lambda done, total: on_progress("evaluating", done, total),
            )
            for part in parts
        ]
    if json_:
        summaries = {found.summary["split"]: found.summary for found in evaluations}
        print(json.dumps(summaries if len(parts) > 1 else evaluations[0].summary, indent=2))
        return
    console = Console()
    for evaluation in evaluations:
        _show(console, evaluation)


def _show(console: Console, evaluation: workflow.Evaluation) -> None:
    for table in score_tables(evaluation.summary):
        console.print(table)
    if evaluation.summary["measurements"]:
        console.print(measurement_table(evaluation.summary["measurements"]))
    for line in _remarks(evaluation.summary):
        console.print(line, style="italic", highlight=False)
    console.print(f"report: {evaluation.folder / 'report.html'}", soft_wrap=True, highlight=False)


def score_tables(summary: Mapping[str, Any]) -> list[Table]:
    """Return the scores of the classification heads and of each structure with their intervals."""
    kinds = {"classification": _add_classes, "segmentation": _add_structures}
    columns = {"classification": ("head", "metric"), "segmentation": ("head", "structure", "metric")}
    tables = []
    for kind, add_rows in kinds.items():
        heads = {name: facts for name, facts in summary["heads"].items() if facts["kind"] == kind}
        if heads:
            cases, subjects = counted(summary["n_cases"], "case"), counted(summary["n_subjects"], "subject")
            title = f"{_part_title(summary)}: {cases} of {subjects}"
            table = Table(title=title, title_justify="left")
            for column in columns[kind]:
                table.add_column(column)
            for column in ("mean", "95 % interval"):
                table.add_column(column, justify="right")
            add_rows(table, heads)
            tables.append(table)
    return tables


def _part_title(summary: Mapping[str, Any]) -> str:
    """Name the part, and say which runs of an ensemble answer."""
    if "ensemble" not in summary:
        return str(summary["split"])
    if summary["split"] == "folds":
        return "out of fold, each case answered by the run that left it out"
    return f"{summary['split']}, answered by the mean of {len(summary['ensemble']['folds'])} runs"


def _add_structures(table: Table, heads: Mapping[str, Any]) -> None:
    table.add_column("worst", justify="right")
    for head, facts in heads.items():
        for structure, found in facts["structures"].items():
            for metric, (label, form) in STRUCTURE_METRICS.items():
                is_first = metric == next(iter(STRUCTURE_METRICS))
                names = (head, structure) if is_first else ("", "")
                unit = f" {facts['volume_unit']}" if metric == "volume_error_ml" else ""
                table.add_row(*names, label + unit, *_cells(found[metric], form), f"{found[metric]['worst']:{form}}")
            table.add_section()


def _add_classes(table: Table, heads: Mapping[str, Any]) -> None:
    for head, facts in heads.items():
        if facts["n_cases"]:
            for metric, label in CLASS_METRICS.items():
                is_first = metric == next(iter(CLASS_METRICS))
                table.add_row(head if is_first else "", label, *_cells(facts[metric], ".3f"))
            table.add_section()


def _cells(value: Mapping[str, Any], form: str) -> list[str]:
    """Return a mean and its interval; a single subject, or a number that no resample changes, has none."""
    low, high = value["ci95"]
    mean = "undefined" if value["mean"] is None else f"{value['mean']:{form}}"
    return [mean, "none" if low is None else f"{low:{form}} to {high:{form}}"]


def measurement_table(measurements: Mapping[str, Any]) -> Table:
    """Return how the first measurements in the predicted label maps agree with those in the true ones."""
    table = Table(title="measurements: predicted minus true", title_justify="left")
    table.add_column("measurement")
    for column in ("bias", "95 % interval", "limits of agreement", "correlation"):
        table.add_column(column, justify="right")
    for name, found in list(measurements.items())[:MAX_MEASUREMENTS]:
        if found["n"]:
            limits, correlation = found["limits"], found["correlation"]
            table.add_row(
                f"{measurement_label(name)} {found['unit']}",
                *_cells(found["bias"], "+.2f"),
                "none" if limits is None else f"{limits[0]:+.2f} to {limits[1]:+.2f}",
                "undefined" if correlation is None else f"{correlation:.3f}",
            )
    return table


def _remarks(summary: Mapping[str, Any]) -> list[str]:
    """Say what was missed, what is in no number, and when the intervals say little."""
    lines = [
        f"alarm: {name} collapsed: {'; '.join(reasons)}"
        for name, reasons in summary.get("ensemble", {"alarms": {}})["alarms"].items()
    ]
    if summary["n_subjects"] < FEW_SUBJECTS:
        lines.append("few subjects: the intervals are too narrow to be trusted")
    for head, facts in summary["heads"].items():
        lines += [
            f"{structure}: missed in {found['missed']} of {found['dice']['n']} cases, counted with the worst values"
            for structure, found in facts.get("structures", {}).items()
            if found["missed"]
        ]
        lines += [f"{head}: {note}" for note in facts.get("notes", [])]
        if "shortcut_control" in facts:
            lines.append(f"{head}: {facts['shortcut_control']['meaning']}")
        if facts["n_without_truth"]:
            lines.append(f"{head}: {facts['n_without_truth']} cases without truth are left out")
    lines += [
        f"{measurement_label(name)}: not measured in {found['n_unmeasured']} cases"
        for name, found in list(summary["measurements"].items())[:MAX_MEASUREMENTS]
        if found["n_unmeasured"]
    ]
    return lines
