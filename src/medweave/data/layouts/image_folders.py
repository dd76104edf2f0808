"""The layout of one folder a class, with pictures and optional masks."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medweave.core.counting import counted
from medweave.core.errors import DataError, UsageError, did_you_mean
from medweave.data.case import Case
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS
from medweave.data.table_file import Row, read_table
from medweave.preprocessing.readers.raster import is_raster

IMAGE_NAME, TARGET = "image", "class"
IMAGES, MASKS = "images", "masks"
METADATA = "metadata.csv"


@dataclass(frozen=True)
class _ClassFolder:
    """The pictures of a class, sorted, and its masks by their name without the suffix."""

    name: str
    images: tuple[Path, ...]
    masks: Mapping[str, Sequence[Path]]

    @classmethod
    def of(cls, folder: Path) -> "_ClassFolder":
        images = folder / IMAGES
        masks: dict[str, list[Path]] = defaultdict(list)
        for path in _pictures(folder / MASKS):
            masks[path.stem].append(path)
        return cls(folder.name, _pictures(images if images.is_dir() else folder), masks)


@LAYOUTS.register("image_folders")
class ImageFoldersLayout:
    """A folder of PNG, JPEG, BMP or TIFF images for each class, with optional masks; image `image`, target `class`.

    A mask belongs to the image of its name, whatever the suffixes. Images of one person belong together: say how to
    tell with `subject_pattern` or `metadata`; otherwise each image counts as a person of its own.

    Args:
        structure: What the masks show.
        classes: Folders to take, each of which must be there; by default all.
        subject_pattern: Regular expression whose one group is the subject, searched for in the name without its suffix.
        metadata: CSV file with a row for each image; metadata.csv is optional and taken where it has the two columns.
        file_column: Its column with the image's path below the data folder, or its name.
        subject_column: Its column with the subject.
    """

    tree = (
        "  <class>/images/<name>.png   (.jpg, .bmp, .tif; or without the folder images)\n"
        "  <class>/masks/<name>.png    (optional; black and white)\n"
        "  metadata.csv                (optional: file, patient_id and other facts)"
    )

    def __init__(
        self,
        *,
        structure: str = "foreground",
        classes: tuple[str, ...] | None = None,
        subject_pattern: str | None = None,
        metadata: str = METADATA,
        file_column: str = "file",
        subject_column: str = "patient_id",
    ) -> None:
        self.structure = structure
        self.classes = classes
        self.subject_pattern = _compiled(subject_pattern) if subject_pattern else None
        self.metadata = metadata
        self.file_column = file_column
        self.subject_column = subject_column

    def matches(self, root: Path) -> bool:
        """Tell whether there is a class folder with pictures, and none beside the class folders."""
        return (
            root.is_dir() and not _pictures(root) and any(_has_pictures(folder) for folder in self._class_folders(root))
        )

    def scan(self, root: Path) -> DatasetIndex:
        """List the images as cases, each called by its file without the suffix."""
        classes = self._classes(root)
        rows = self._read_metadata(root)
        images = [(path, found) for found in classes for path in found.images]
        stems, names = (Counter(getattr(path, part) for path, _ in images) for part in ("stem", "name"))
        cases = [
            self._case(
                path,
                found,
                row=None if rows is None else self._row(path, root, rows, is_unique=names[path.name] == 1),
                is_unique=stems[path.stem] == 1,
            )
            for path, found in images
        ]
        return DatasetIndex(
            name=root.name,
            root=root,
            layout="image_folders",
            cases=tuple(sorted(cases, key=lambda case: case.case_id)),
            structures={IMAGE_NAME: {self.structure: 1}},
            findings=(*_strays(classes), *self._metadata_findings(root, images, rows)),
        )

    def _metadata_findings(
        self, root: Path, images: Sequence[tuple[Path, _ClassFolder]], rows: Mapping[str, Row] | None
    ) -> Iterator[Finding]:
        """Find a metadata file that is not taken for one, and rows of images that are absent."""
        path, wanted = root / self.metadata, (self.file_column, self.subject_column)
        if rows is None and path.is_file() and self.subject_pattern is None:
            columns = read_table(path).columns
            lacking = [column for column in wanted if column not in columns]
            near = did_you_mean(lacking[0], columns).strip()
            yield Finding.warning(
                "metadata_ignored",
                (),
                path=path,
                message=f"the table has no column {' and '.join(lacking)}, so nobody knows whose image each is, and "
                f"each counts as a person; got columns {', '.join(columns)}{f'. {near}' if near else ''}",
                fix="rename the columns, or name them in data.layout.file_column and subject_column.",
            )
        known = {name for image, _ in images for name in (image.name, image.relative_to(root).as_posix())}
        absent = [row for file, row in (rows or {}).items() if file not in known and not self._of_other_class(file)]
        if absent:
            yield Finding.warning(
                "row_without_image",
                (),
                path=path,
                message=f"{counted(len(absent), 'row')} of the table without an image; for instance line "
                f"{absent[0].line}, {absent[0].cells[self.file_column]}",
                fix="restore the images, or remove the rows.",
            )

    def _of_other_class(self, file: str) -> bool:
        """Tell whether a file lies in a class folder that is not taken."""
        return self.classes is not None and "/" in file and file.partition("/")[0] not in self.classes

    def _class_folders(self, root: Path) -> list[Path]:
        if self.classes is not None:
            return [root / name for name in self.classes if (root / name).is_dir()]
        return sorted(
            path
            for path in root.iterdir()
            if path.is_dir() and not path.name.startswith((".", "__")) and path.name not in (IMAGES, MASKS)
        )

    def _classes(self, root: Path) -> list[_ClassFolder]:
        folders = self._class_folders(root)
        absent = [name for name in self.classes or () if root / name not in folders]
        if absent or not folders:
            raise DataError(
                f"class folder {absent[0]!r} is missing" if absent else "the folder holds no class folder",
                where=root,
                got=f"folders {', '.join(folder.name for folder in folders)}" if folders else None,
                fix=f"restore it, or correct data.layout.classes. The layout is:\n{self.tree}",
            )
        classes = [_ClassFolder.of(folder) for folder in folders]
        for found in classes:
            if not found.images:
                raise DataError(
                    f"class folder {found.name!r} holds no image",
                    where=root / found.name,
                    wanted="files ending in .png, .jpg, .jpeg, .bmp, .tif or .tiff, in it or in its folder images",
                    fix="add images, remove the folder, or name the class folders in data.layout.classes.",
                )
        return classes

    def _row(self, path: Path, root: Path, rows: Mapping[str, Row], *, is_unique: bool) -> Row:
        """Return an image's row of the metadata; a name alone tells it where no other class has one of this name."""
        relative = path.relative_to(root).as_posix()
        row = rows.get(relative) or (rows.get(path.name) if is_unique else None)
        if row is None:
            raise DataError(
                "an image has no row in the metadata",
                where=root / self.metadata,
                got=f"no {self.file_column} {relative}",
                fix="add the row, so that it is known whose image it is.",
            )
        return row

    def _case(self, path: Path, found: _ClassFolder, *, row: Row | None, is_unique: bool) -> Case:
        masks = found.masks.get(path.stem, ())
        if len(masks) > 1:
            raise DataError(
                "an image has two masks",
                where=path,
                got=" and ".join(mask.name for mask in masks),
                fix="remove the wrong one.",
            )
        case_id = path.stem if is_unique else f"{found.name}_{path.stem}"
        return Case(
            case_id=case_id,
            subject_id=self._subject(path, row) or case_id,
            images={IMAGE_NAME: path},
            label_maps={IMAGE_NAME: masks[0]} if masks else {},
            targets={TARGET: found.name},
            attributes=self._attributes(row, found.name),
        )

    def _subject(self, path: Path, row: Row | None) -> str | None:
        if self.subject_pattern is not None:
            match = self.subject_pattern.search(path.stem)
            if match is None:
                raise DataError(
                    "the subject cannot be told from an image's name",
                    where=path,
                    wanted=f"a name in which {self.subject_pattern.pattern!r} is found",
                    fix="correct data.layout.subject_pattern.",
                )
            return match[1]
        return row.cells[self.subject_column] if row is not None else None

    def _attributes(self, row: Row | None, class_name: str) -> dict[str, str]:
        """Return the other facts of a row; a column that repeats the class is none."""
        if row is None:
            return {}
        known = (self.file_column, self.subject_column, TARGET)
        return {name: cell for name, cell in row.cells.items() if name not in known and cell not in ("", class_name)}

    def _read_metadata(self, root: Path) -> dict[str, Row] | None:
        """Return the rows by what their file column holds, or None without metadata."""
        path = root / self.metadata
        if self.metadata == METADATA and not path.is_file():
            return None
        table = read_table(path)
        wanted = (self.file_column, self.subject_column)
        if self.metadata == METADATA and not {*wanted} <= {*table.columns}:
            return None
        table.require(wanted, fix="correct data.layout.file_column and subject_column.")
        rows: dict[str, Row] = {}
        for row in table.rows:
            file = row.cells[self.file_column]
            if file in rows:
                raise DataError(
                    "two rows are of one image",
                    where=f"{path}, lines {rows[file].line} and {row.line}, column {self.file_column}",
                    got=file,
                    fix="remove one of them.",
                )
            rows[file] = row
        return rows


def _pictures(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(path for path in folder.iterdir() if is_raster(path) and not path.name.startswith(".")))


def _has_pictures(folder: Path) -> bool:
    inner = folder / IMAGES
    return any(is_raster(path) for path in (inner if inner.is_dir() else folder).iterdir())


def _strays(classes: Sequence[_ClassFolder]) -> list[Finding]:
    """Find masks without their image."""
    return [
        Finding.warning(
            "mask_without_image",
            (),
            path=mask,
            message="a mask has no image",
            fix="restore the image, or remove the mask.",
        )
        for found in classes
        for stem in sorted(set(found.masks) - {image.stem for image in found.images})
        for mask in found.masks[stem]
    ]


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UsageError("layout.subject_pattern is no regular expression", got=f"{pattern} ({error})") from error
    if compiled.groups != 1:
        raise UsageError(
            "layout.subject_pattern needs one group in brackets, the subject",
            got=pattern,
            wanted="such as (person\\d+)",
        )
    return compiled
