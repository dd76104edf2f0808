"""The tables of the page on data are read as it says."""

import csv
import re
from pathlib import Path

import pytest

from medweave.data.layouts.table import TableLayout

PAGE = Path(__file__).parents[2] / "docs/how-to/bring-your-data.md"
TABLES = [
    block
    for block in re.findall(r"^```text\n(case_id,.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    if block
]


def write(table: str, folder: Path) -> list[dict[str, str]]:
    """Write a table and empty files of the names in it; return its rows."""
    (folder / "cases.csv").write_text(table, encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    for row in rows:
        for column, cell in row.items():
            if cell and column.startswith(("image.", "label_map.")):
                (folder / cell).parent.mkdir(parents=True, exist_ok=True)
                (folder / cell).touch()
    return rows


def test_there_are_tables() -> None:
    assert len(TABLES) == 3


@pytest.mark.parametrize("table", TABLES, ids=["usual", "strange", "dicom"])
def test_each_row_is_a_case_with_what_its_cells_name(table: str, tmp_path: Path) -> None:
    rows = write(table, tmp_path)
    cases = {case.case_id: case for case in TableLayout().scan(tmp_path).cases}
    assert set(cases) == {row["case_id"] for row in rows}
    for row in rows:
        case = cases[row["case_id"]]
        assert case.subject_id == row["subject_id"]
        assert set(case.images) == {
            name.removeprefix("image.") for name in row if name.startswith("image.") and row[name]
        }
        assert bool(case.label_maps) == any(row[name] for name in row if name.startswith("label_map."))


def test_two_examinations_of_one_person_stay_together(tmp_path: Path) -> None:
    write(TABLES[1], tmp_path)
    subjects = [case.subject_id for case in TableLayout().scan(tmp_path).cases]
    assert subjects.count("anna") == 2
    assert len(set(subjects)) == 3
