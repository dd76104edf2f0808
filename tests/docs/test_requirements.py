import re
from pathlib import Path

import pytest

from medweave.recipes.loader import library_names

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "requirements.md"
SYSTEMS = {"R0": 14, "R1": 46, "R2": 13, "R3": 20, "R4": 35, "RX": 12}
STATES = {"done", "otherwise", "partly", "left out"}
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.read_text(encoding="utf-8").splitlines()
    if re.match(r"\| R[0-4X]\.\d+ ", line)
]


def is_there(name: str) -> bool:
    return name in library_names() or (ROOT / name).is_file() or (ROOT / "src/medweave" / name).is_file()


def files(cell: str) -> list[str]:
    names = re.findall(r"`([^`\s]+)`", cell)
    return [name for name in names if "/" in name.rstrip("/") or name.endswith((".toml", ".txt"))]


def test_every_requirement_is_there_once() -> None:
    wanted = [f"{system}.{number}" for system, count in SYSTEMS.items() for number in range(1, count + 1)]
    assert [row[0] for row in ROWS] == wanted


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_requirement_has_a_state_and_files_that_exist(row: list[str]) -> None:
    _, what, state, where = row
    assert what
    assert state in STATES
    assert files(where), "no file is named"
    assert [name for name in files(where) if name not in {"val/score", "docs/results/"} and not is_there(name)] == []
