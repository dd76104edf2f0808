"""`medweave download`: fetch a public data set."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from medweave.workflows import download as workflow


def download(
    name: Annotated[str, typer.Argument(help=f"Data set: {', '.join(workflow.TASKS)}.")],
    output: Annotated[Path, typer.Option(help="Folder that gets the data set's folder.")],
) -> None:
    """Fetch a public data set, check it and unpack it; a broken download is continued."""
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(name, total=None)
        result = workflow.run(
            name, output, on_progress=lambda done, total: progress.update(bar, completed=done, total=total or None)
        )
    print(f"{result.folder}{' (was there already)' if result.was_there else ''}")
    print(f"next: medweave inspect {quote(str(result.folder))}")
