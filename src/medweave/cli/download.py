"""`medweave download`: fetch a public data set."""

from pathlib import Path
from shlex import quote
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from medweave.workflows import download as workflow
from medweave.workflows import kaggle_download


def download(
    name: Annotated[str, typer.Argument(help=f"Data set: {', '.join(workflow.TASKS)}, or kaggle:OWNER/NAME.")],
    output: Annotated[Path, typer.Option(help="Folder that gets the data set's folder.")],
) -> None:
    """Fetch a public data set, check it and unpack it; a broken download is continued."""
    console = Console(stderr=True)
    if name.startswith(kaggle_download.PREFIX):
        data_set = name.removeprefix(kaggle_download.PREFIX)
        result = kaggle_download.run(data_set, output, shows_progress=console.is_terminal)
    else:
        result = _download_published(name, output, console)
    print(f"{result.folder}{' (was there already)' if result.was_there else ''}")
    print(f"next: medweave inspect {quote(str(result.folder))}")


def _download_published(name: str, output: Path, console: Console) -> workflow.DownloadResult:
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(name, total=None)
        return workflow.run(
            name, output, on_progress=lambda done, total: progress.update(bar, completed=done, total=total or None)
        )
