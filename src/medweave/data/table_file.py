"""Tables in text files: CSV and TSV, with the line that each row came from."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from medweave.core.errors import DataError, did_you_mean

TABLE_SUFFIXES = (".csv", ".tsv")
COLUMN_IN_TEMPLATE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Row:
    """A row: the line of the file that it ends on, and the cells by column, without the blanks around them."""

    line: int
    cells: Mapping[str, str]

    def value(self, expression: str) -> str:
        """Return the cell of a column, or the text of a template over columns; "" where a cell is empty.

        Args:
            expression: A column ("age"), or text with columns in braces ("{patient}/scan.nii.gz").
        """
        if not is_template(expression):
            return self.cells[expression]
        if not all(self.cells[column] for column in columns_of(expression)):
            return ""
        return COLUMN_IN_TEMPLATE.sub(lambda match: self.cells[match[1]], expression)


@dataclass(frozen=True)
class TableFile:
    """A table.

    Attributes:
        path: The file.
        columns: Names in the first line.
        rows: The others, without empty ones.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def require(self, expressions: Iterable[str], *, fix: str) -> None:
        """Refuse a table that lacks a column of these expressions.

        Raises:
            DataError: It does; the message names the columns that there are.
        """
        for column in (column for expression in expressions for column in columns_of(expression)):
            if column not in self.columns:
                hint = did_you_mean(column, self.columns)
                raise DataError(
                    f"the table has no column {column!r}{'.' if hint else ''}{hint}",
                    where=self.path,
                    got=f"columns {', '.join(self.columns)}",
                    fix=fix,
                )


def is_template(expression: str) -> bool:
    """Tell a template over columns from the name of one."""
    return COLUMN_IN_TEMPLATE.search(expression) is not None


def columns_of(expression: str) -> list[str]:
    """Return the columns that a column's name or a template names."""
    return COLUMN_IN_TEMPLATE.findall(expression) if is_template(expression) else [expression]


def read_table(path: Path, *, delimiter: str | None = None, empty: Collection[str] = ()) -> TableFile:
    """Read a table whose first line names the columns.

    Args:
        path: The file, in UTF-8.
        delimiter: Between the cells; None takes a tab for .tsv, and else a comma, or a semicolon where the first line
            has more of them.
        empty: What stands in cells that hold nothing.

    Raises:
        DataError: The file cannot be read, a column has no name or another's, or a row has too many or too few cells.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            "table cannot be read", where=path, got=error, fix="write it as text in UTF-8 (in Excel: CSV UTF-8)."
        ) from error
    first_line = text.partition("\n")[0]
    if delimiter is None:
        usual = ";" if first_line.count(";") > first_line.count(",") else ","
        delimiter = "\t" if path.suffix.lower() == ".tsv" else usual
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = tuple(name.strip() for name in next(reader, []))
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise DataError("table cannot be read", where=path, got=error, fix="write it as CSV.") from error
    _check_shape(path, columns, rows)
    return TableFile(
        path,
        columns,
        tuple(
            Row(line, {name: "" if cell in empty else cell for name, cell in zip(columns, cells, strict=True)})
            for line, cells in rows
        ),
    )


def _check_shape(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[int, list[str]]]) -> None:
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if not columns or "" in columns or repeated:
        raise DataError(
            "the first line of the table does not name its columns",
            where=path,
            got=f"{', '.join(repeated)} twice" if repeated else f"{', '.join(columns) or 'nothing'}",
            fix="give each column a name of its own.",
        )
    for line, cells in rows:
        if len(cells) != len(columns):
            raise DataError(
                "a row has too many or too few cells",
                where=f"{path}, line {line}",
                got=len(cells),
                wanted=len(columns),
                fix="correct the row; a cell that holds the delimiter stands in quotation marks.",
            )
