"""The layout of a table: one row a case, the files and classes in its columns."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from medweave.core.counting import counted
from medweave.core.errors import DataError, did_you_mean
from medweave.data.case import Case
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS
from medweave.data.table_file import TABLE_SUFFIXES, Row, TableFile, columns_of, is_template, read_table
from medweave.preprocessing.readers.dicom import is_dicom_series
from medweave.preprocessing.readers.medical import image_stem

CASE_COLUMN, SUBJECT_COLUMN = "case_id", "subject_id"
IMAGE, LABEL_MAP, TARGET = "image.", "label_map.", "target."
FIX = (
    f"name the columns {CASE_COLUMN}, {SUBJECT_COLUMN}, {IMAGE}NAME, {LABEL_MAP}NAME and {TARGET}NAME, or say in the"
    " recipe under data.layout which columns hold what (`layout: {name: table, case_id: …, images: {NAME: …}}`)."
)

ClassNames = Mapping[str, Mapping[str | int, str]]


@dataclass(frozen=True)
class _Plan:
    """Which column, or template over columns, holds what."""

    case_id: str
    subject: str
    images: Mapping[str, str]
    label_maps: Mapping[str, str]
    targets: Mapping[str, str]

    @property
    def expressions(self) -> list[str]:
        return [
            self.case_id,
            self.subject,
            *self.images.values(),
            *self.label_maps.values(),
            *self.targets.values(),
        ]


@LAYOUTS.register("table")
class TableLayout:
    """A CSV or TSV file with one row a case, or the folder that holds it; any cell but the case's name may be empty.

    A value with braces is a template over columns: `images: {pre: "{patient}/pre.nii.gz"}`. A file that a template
    names and that is absent is a missing image; one that a cell names must be there. Several classes in a cell are
    joined by `|`, and `|` alone means none of them.

    Args:
        file: Name of the table in its folder; by default the only one.
        case_id: Column or template of the case's name; the suffix of an image file is left out.
        subject: Column or template of the person; by default subject_id, or else the case itself.
        images: Column or template of each image; by default the columns image.NAME.
        label_maps: Of the label map on each image; by default label_map.NAME.
        targets: Of each target's class; by default target.NAME.
        attributes: Columns with other facts; by default all that are left.
        class_names: Name of each class as it is written in the table, by target.
        structures: Value of each structure, by label map.
        delimiter: Between the cells; by default a comma or semicolon, in .tsv a tab.
        empty: What stands in cells that hold nothing, such as NA.
    """

    reads_tables = True
    tree = (
        "  cases.csv   (one row a case; or .tsv; the file itself may be given)\n"
        "  case_id,subject_id,image.flair,label_map.flair,target.grade\n"
        "  a1,a,a1/flair.nii.gz,a1/mask.nii.gz,high   (paths from the table's folder; a cell may be empty)"
    )

    def __init__(
        self,
        *,
        file: str | None = None,
        case_id: str = CASE_COLUMN,
        subject: str | None = None,
        images: Mapping[str, str] | None = None,
        label_maps: Mapping[str, str] | None = None,
        targets: Mapping[str, str] | None = None,
        attributes: tuple[str, ...] | None = None,
        class_names: ClassNames | None = None,
        structures: Mapping[str, Mapping[str, int]] | None = None,
        delimiter: str | None = None,
        empty: tuple[str, ...] = (),
    ) -> None:
        self.file = file
        self.case_id = case_id
        self.subject = subject
        self.images = images
        self.label_maps = label_maps
        self.targets = targets
        self.attributes = attributes
        self.class_names = class_names or {}
        self.structures = structures or {}
        self.delimiter = delimiter
        self.empty = empty

    def matches(self, root: Path) -> bool:
        """Tell whether `root` is a table (of the columns that are described), or the folder of one with the columns."""
        if root.is_file() and self.images is None:
            return root.suffix.lower() in TABLE_SUFFIXES
        try:
            self._plan(self._find(root))
        except DataError:
            return False
        return True

    def scan(self, root: Path) -> DatasetIndex:
        """List the rows as cases; `root` is the table or its folder."""
        table = self._find(root)
        plan = self._plan(table)
        _refuse_equal_names(table, plan)
        cases = [self._case(row, plan, table) for row in table.rows]
        _refuse_absent_files(plan, cases, table)
        _refuse_vain_templates(plan, cases, table)
        return DatasetIndex(
            name=table.path.parent.name,
            root=table.path.parent,
            layout="table",
            cases=tuple(sorted(cases, key=lambda case: case.case_id)),
            structures=self.structures,
            findings=tuple(self._misspelt(table, plan)),
        )

    def _misspelt(self, table: TableFile, plan: _Plan) -> Iterator[Finding]:
        """Find columns that hold nothing that is read, but look as if they were meant to."""
        for column in self._others(table, plan) if self.attributes is None else ():
            prefix, dot, _ = column.partition(".")
            near = did_you_mean(f"{prefix}.", (IMAGE, LABEL_MAP, TARGET), cutoff=0.8).strip() if dot else ""
            if near:
                yield Finding.warning(
                    "unknown_column",
                    (),
                    path=table.path,
                    message=f"the column {column!r} is taken for a further fact of the cases. {near}",
                    fix="rename it, if it holds files or classes.",
                )

    def _others(self, table: TableFile, plan: _Plan) -> list[str]:
        """Return the columns that hold further facts."""
        if self.attributes is not None:
            return list(self.attributes)
        used = {column for expression in plan.expressions for column in columns_of(expression)}
        return [column for column in table.columns if column not in used]

    def _find(self, root: Path) -> TableFile:
        if root.is_file():
            return self._read(root)
        if self.file is not None:
            return self._read(root / self.file)
        files = sorted(path for path in _files(root) if path.suffix.lower() in TABLE_SUFFIXES)
        if len(files) != 1:
            raise DataError(
                "the folder holds several tables" if files else "the folder holds no table",
                where=root,
                got=", ".join(path.name for path in files) or None,
                fix="give the table itself, or set data.layout.file.",
            )
        return self._read(files[0])

    def _read(self, path: Path) -> TableFile:
        return read_table(path, delimiter=self.delimiter, empty=self.empty)

    def _plan(self, table: TableFile) -> _Plan:
        def named(prefix: str, given: Mapping[str, str] | None) -> Mapping[str, str]:
            by_prefix = {column.removeprefix(prefix): column for column in table.columns if column.startswith(prefix)}
            return by_prefix if given is None else given

        plan = _Plan(
            self.case_id,
            self.subject or (SUBJECT_COLUMN if SUBJECT_COLUMN in table.columns else self.case_id),
            named(IMAGE, self.images),
            named(LABEL_MAP, self.label_maps),
            named(TARGET, self.targets),
        )
        table.require([*plan.expressions, *(self.attributes or ())], fix=FIX)
        strays = [name for name in plan.label_maps if name not in plan.images]
        if strays or not plan.images:
            raise DataError(
                f"a label map lies on an image that the table does not have: {strays[0]!r}"
                if strays
                else "the table names no images",
                where=table.path,
                got=f"images {', '.join(plan.images)}" if strays else f"columns {', '.join(table.columns)}",
                fix=FIX,
            )
        return plan

    def _case(self, row: Row, plan: _Plan, table: TableFile) -> Case:
        targets = {name: self._classes(row, name, column, table) for name, column in plan.targets.items()}
        return Case(
            case_id=image_stem(row.value(plan.case_id)),
            subject_id=image_stem(row.value(plan.subject)) or image_stem(row.value(plan.case_id)),
            images=dict(_present_files(row, plan.images, table)),
            label_maps=dict(_present_files(row, plan.label_maps, table)),
            targets={name: classes for name, classes in targets.items() if classes},
            attributes={name: row.cells[name] for name in self._others(table, plan) if row.cells[name]},
        )

    def _classes(self, row: Row, target: str, column: str, table: TableFile) -> str:
        """Return the classes of a target, joined by `|`."""
        written = row.value(column)
        names = {str(raw): name for raw, name in self.class_names.get(target, {}).items()}
        parts = [part.strip() for part in written.split("|")]
        for part in filter(None, parts):
            if names and part not in names:
                raise DataError(
                    f"target {target!r} has a class without a name",
                    where=f"{table.path}, line {row.line}, column {column}",
                    got=part,
                    wanted=", ".join(names),
                    fix="correct the cell, or name the class in data.layout.class_names.",
                )
        return "|".join(names.get(part, part) for part in parts)


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _refuse_equal_names(table: TableFile, plan: _Plan) -> None:
    """Refuse rows without a name, with one that cannot be a file's, or with one of another row."""
    seen: dict[str, int] = {}
    for row in table.rows:
        name = image_stem(row.value(plan.case_id))
        if not name or Path(name).name != name:
            raise DataError(
                "a case's name cannot be that of a file" if name else "a case has no name",
                where=f"{table.path}, line {row.line}, column {plan.case_id}",
                got=name or None,
                fix="give it a name without slashes.",
            )
        if name in seen:
            raise DataError(
                "two cases have one name",
                where=f"{table.path}, lines {seen[name]} and {row.line}, column {plan.case_id}",
                got=name,
                fix="name each case differently; data.layout.subject tells which belong to one person.",
            )
        seen[name] = row.line


def _refuse_absent_files(plan: _Plan, cases: list[Case], table: TableFile) -> None:
    """Refuse a table that names an absent file in a cell, where none follows a template."""
    absent = [
        (row, column)
        for row, case in zip(table.rows, cases, strict=True)
        for columns, found in ((plan.images, case.images), (plan.label_maps, case.label_maps))
        for name, column in columns.items()
        if name not in found and row.value(column) and not is_template(column)
    ]
    if absent:
        row, column = absent[0]
        others = f" (and {counted(len(absent) - 1, 'more such cell')})" if absent[1:] else ""
        raise DataError(
            f"the table names a file that is absent{others}",
            where=f"{table.path}, line {row.line}, column {column}",
            got=row.value(column),
            fix="correct the path (from the table's folder), leave the cell empty, or say in data.layout.empty what"
            " stands in such cells (`empty: [NA]`).",
        )


def _present_files(row: Row, expressions: Mapping[str, str], table: TableFile) -> Iterator[tuple[str, Path]]:
    for name, expression in expressions.items():
        written = row.value(expression)
        path = Path(os.path.normpath(table.path.parent / written))
        if written and _is_image(path):
            yield name, path


def _is_image(path: Path) -> bool:
    try:
        return path.is_file() or is_dicom_series(path)
    except OSError:  # a text that is too long for a name
        return False


def _refuse_vain_templates(plan: _Plan, cases: list[Case], table: TableFile) -> None:
    """Refuse a template that names a file in no row: it is misspelt."""
    for kind, expressions in (("images", plan.images), ("label_maps", plan.label_maps)):
        for name, expression in expressions.items():
            if cases and is_template(expression) and not any(name in getattr(case, kind) for case in cases):
                raise DataError(
                    f"no case has a file for data.layout.{kind}.{name}",
                    where=table.path,
                    got=f"for instance {table.path.parent / table.rows[0].value(expression)}",
                    fix="correct the template.",
                )
