"""The messages that the page on trouble quotes are those that medweave prints."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/troubleshoot.md").read_text(encoding="utf-8")
#: A message begins a row of a table, in backticks; "…" stands for what differs from case to case.
MESSAGES = [message for message in re.findall(r"^\| `([^`]+)` \|", PAGE, re.M) if " " in message]


@pytest.fixture(scope="module")
def source() -> str:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "src").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", text)


def test_messages_are_quoted() -> None:
    assert len(MESSAGES) > 8


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_is_in_the_source(message: str, source: str) -> None:
    parts = [part.strip() for part in message.split("…")]
    assert [part for part in parts if part not in source] == []
