"""`medweave compare`: paired tests of runs on the same cases."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from medweave.evaluation.class_comparison import ClassComparisonRow
from medweave.evaluation.comparison import Comparison, ComparisonRow
from medweave.workflows import compare as workflow


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more evaluated runs.")],
    split: Annotated[Literal["val", "test", "folds", "external"], typer.Option(help="Evaluation to compare.")] = "test",
    output: Annotated[Path | None, typer.Option(help="Also write the comparison to this JSON file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON and nothing else.")] = False,
) -> None:
    """Compare runs by paired tests on the cases that all of them were evaluated on."""
    comparison = workflow.run(runs, split=split, output=output)
    if json_:
        print(json.dumps(comparison.to_json(), indent=2))
        return
    console = Console()
    left_out = ", ".join(f"{count} of {name}" for name, count in comparison.n_left_out.items() if count)
    console.print(f"{comparison.n_common_cases} common cases{f' (left out: {left_out})' if left_out else ''}")
    for table in comparison_tables(comparison):
        console.print(table)


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Return the rows of the structures and those of the classes, each in a table, where there are any."""
    tables = []
    if comparison.rows:
        test = "p: Wilcoxon signed-rank over subjects, adjusted for all rows (Holm)."
        tables.append(_table(("structure", "metric", "runs"), ("means", "difference", "p", "better"), test=test))
        for row in comparison.rows:
            tables[-1].add_row(*_cells(row))
    if comparison.class_rows:
        test = "p: McNemar's exact test over subjects, adjusted for all rows (Holm)."
        columns = ("accuracy", "right alone", "difference", "p", "better")
        tables.append(_table(("head", "runs"), columns, test=test))
        for class_row in comparison.class_rows:
            tables[-1].add_row(*_class_cells(class_row))
    return tables


def _table(names: Sequence[str], numbers: Sequence[str], *, test: str) -> Table:
    table = Table(caption=f"Differences with 95 % intervals. {test}", caption_justify="left")
    for name in names:
        table.add_column(name)
    for name in numbers:
        table.add_column(name, justify="right")
    return table


def _cells(row: ComparisonRow) -> list[str]:
    return [
        f"{row.head}\n{row.structure}",
        row.metric,
        f"{row.first}\n{row.second}",
        f"{row.first_mean:.3f}\n{row.second_mean:.3f}",
        *_findings(row),
    ]


def _class_cells(row: ClassComparisonRow) -> list[str]:
    return [
        row.head,
        f"{row.first}\n{row.second}",
        f"{row.first_accuracy:.3f}\n{row.second_accuracy:.3f}",
        f"{row.only_first_right}\n{row.only_second_right}",
        *_findings(row),
    ]


def _findings(row: ComparisonRow | ClassComparisonRow) -> list[str]:
    low, high = row.ci95
    interval = "no interval" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return [
        f"{row.difference:+.3f}\n({interval})",
        f"{row.p_holm:.3f}" if row.p_holm >= 0.001 else "< 0.001",
        row.better or "-",
    ]
