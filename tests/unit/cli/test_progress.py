import io

import pytest
from rich.console import Console

from medweave.cli import progress
from medweave.cli.progress import case_progress


def test_bar_is_drawn_on_the_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    asked = []

    def console(**arguments):
        asked.append(arguments)
        return Console(file=terminal, force_terminal=True, width=80)

    monkeypatch.setattr(progress, "Console", console)
    with case_progress() as move:
        move("reading", 3, 7)
    assert asked == [{"stderr": True}]
    assert "reading" in terminal.getvalue()
    assert "3/7" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[1A\x1b[2K")


def test_nothing_is_written_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with case_progress() as move:
        move("reading", 1, 2)
        move("reading", 2, 2)
    assert capfd.readouterr() == ("", "")
