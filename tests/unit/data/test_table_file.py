from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.data.table_file import Row, columns_of, read_table


def write(path: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "case,note\na, x \n\nb,y\n"),
        ("a.csv", "case;note\r\na;x\r\n;\r\nb;y\r\n"),
        ("a.tsv", "case\tnote\na\tx\nb\ty"),
        ("a.csv", "\ufeffcase,note\na,x\nb,y\n"),
    ],
)
def test_delimiter_line_ends_and_blanks_are_recognised(tmp_path: Path, name: str, text: str) -> None:
    table = read_table(write(tmp_path / name, text))
    assert table.columns == ("case", "note")
    assert [dict(row.cells) for row in table.rows] == [{"case": "a", "note": "x"}, {"case": "b", "note": "y"}]


def test_delimiter_may_be_given(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "a.csv", "a|b\n1,2|3\n"), delimiter="|").rows[0].cells == {"a": "1,2", "b": "3"}


def test_rows_know_their_line(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", 'case,note\n\na,"two\nlines"\nb,y\n'))
    assert [row.line for row in table.rows] == [4, 5]
    assert table.rows[0].cells["note"] == "two\nlines"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not name its columns .*got nothing"),
        ("a,,b\n1,2,3\n", "does not name its columns"),
        ("a,b,a\n1,2,3\n", "does not name its columns .*got a twice"),
        ("a,b\n1,2\n1,2,3\n", "too many or too few cells .*line 3.*got 3; wanted 2"),
        ("a,b\n1\n", "too many or too few cells .*line 2.*got 1; wanted 2"),
    ],
)
def test_table_of_another_shape_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(write(tmp_path / "a.csv", text))


def test_other_encodings_and_absent_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"table cannot be read .*Fix: write it as text in UTF-8"):
        read_table(write(tmp_path / "a.csv", "größe\n1\n", encoding="latin-1"))
    with pytest.raises(DataError, match=r"table cannot be read .*b\.csv"):
        read_table(tmp_path / "b.csv")


def test_value_is_a_cell_or_a_filled_template() -> None:
    row = Row(2, {"id": "p1", "image.t1": "t1", "empty": ""})
    assert row.value("id") == "p1"
    assert row.value("{id}/{image.t1}.nii") == "p1/t1.nii"
    assert row.value("{id}/{empty}.nii") == ""


def test_columns_of_a_template_are_those_in_braces() -> None:
    assert columns_of("{id}/{image.t1}.nii") == ["id", "image.t1"]
    assert columns_of("id") == ["id"]


def test_a_cell_may_hold_what_ends_a_line_elsewhere(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "a.csv", 'case,note\na,one\u2028two\x0cthree\x85four\nb,"five\nsix"\n'))
    assert [row.value("note") for row in table.rows] == ["one\u2028two\x0cthree\x85four", "five\nsix"]
