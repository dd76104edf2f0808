"""The progress bar of commands that work through cases."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def case_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on standard error while the block runs, and hand out what moves it: (stage, done, total)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # A bar that is written to a file or a pipe is only a stray empty line.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)

        def move(stage: str, done: int, total: int) -> None:
            progress.update(bar, description=stage, completed=done, total=total, visible=done < total)

        yield move
