"""`medweave compare`: paired tests of runs on the same cases."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from medweave.evaluation.comparison import Comparison, ComparisonRow
from medweave.workflows import compare as workflow


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more evaluated runs.")],
    split: Annotated[Literal["val", "test", "external"], typer.Option(help="Evaluation to compare.")] = "test",
    output: Annotated[Path | None, typer.Option(help="Also write the comparison to this JSON file.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON and nothing else.")] = False,
) -> None:
    """Compare runs by paired tests on the cases that all of them were evaluated on."""
    comparison = workflow.run(runs, split=split, output=output)
    if json_:
        print(json.dumps(comparison.to_json(), indent=2))
        return
    Console().print(comparison_table(comparison))


def comparison_table(comparison: Comparison) -> Table:
    """Return one row for each pair of runs, structure and metric."""
    left_out = ", ".join(f"{count} of {name}" for name, count in comparison.n_left_out.items() if count)
    table = Table(
        title=f"{comparison.n_common_cases} common cases{f' (left out: {left_out})' if left_out else ''}",
        caption="Differences with 95 % intervals. p: Wilcoxon signed-rank over subjects, adjusted for all rows (Holm).",
        title_justify="left",
        caption_justify="left",
    )
    for name in ("structure", "metric", "runs"):
        table.add_column(name)
    for name in ("means", "difference", "p", "better"):
        table.add_column(name, justify="right")
    for row in comparison.rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: ComparisonRow) -> list[str]:
    low, high = row.ci95
    interval = "no interval" if low is None or high is None else f"{low:+.3f} to {high:+.3f}"
    return [
        f"{row.head}\n{row.structure}",
        row.metric,
        f"{row.first}\n{row.second}",
        f"{row.first_mean:.3f}\n{row.second_mean:.3f}",
        f"{row.difference:+.3f}\n({interval})",
        f"{row.p_holm:.3f}" if row.p_holm >= 0.001 else "< 0.001",
        row.better or "-",
    ]
