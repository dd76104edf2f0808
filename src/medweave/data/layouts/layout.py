"""The layout contract, its registry and the detection of a folder's layout."""

from pathlib import Path
from typing import Protocol

from medweave.core.errors import DataError
from medweave.core.registry import Registry
from medweave.data.index import DatasetIndex
from medweave.data.table_file import TABLE_SUFFIXES
from medweave.preprocessing.readers.dicom import is_dicom_series


class Layout(Protocol):
    """How a data folder is arranged.

    A layout reads names and small text files only; it never opens an image. Its parameters are keyword-only arguments
    of the constructor, each with a default.
    """

    #: What the folder looks like, for messages and documentation.
    tree: str

    def matches(self, root: Path) -> bool:
        """Tell whether `root` (a folder; for some layouts a file) looks like this layout, without an error."""
        ...

    def scan(self, root: Path) -> DatasetIndex:
        """List the cases below `root`.

        Raises:
            DataError: The folder has the layout's shape but contradicts itself (a named file is absent, …).
        """
        ...


LAYOUTS: Registry[type[Layout]] = Registry("layout", home="medweave.data.layouts")
"""Layouts by name."""


@LAYOUTS.register("auto")
class AutoLayout:
    """The one layout that matches."""

    tree = ""

    def matches(self, root: Path) -> bool:
        """Tell whether any layout matches."""
        return bool(self._matching(root))

    def scan(self, root: Path) -> DatasetIndex:
        """List the cases as the one layout that matches does.

        Raises:
            DataError: No layout matches, or several do.
        """
        matching = self._matching(root)
        if len(matching) != 1:
            trees = "\n".join(f"{name}:\n{LAYOUTS.get(name).tree}" for name in matching or self._names())
            raise DataError(
                "the folder matches several layouts" if matching else "the folder matches no known layout",
                where=root,
                got=None if matching else _found_instead(root),
                fix="name one with --layout, describe it in a recipe under data.layout (layout table), or arrange the"
                f" folder like one of these:\n{trees}",
            )
        return LAYOUTS.get(matching[0])().scan(root)

    def _matching(self, root: Path) -> list[str]:
        return [name for name in self._names() if LAYOUTS.get(name)().matches(root)]

    def _names(self) -> list[str]:
        return [name for name in LAYOUTS.names() if name != "auto"]


def _found_instead(root: Path) -> str | None:
    """Say what a folder of no layout holds that can be described."""
    if is_dicom_series(root):
        return "one DICOM series, which is an image: `medweave predict` takes it, and so does a cell of a case table"
    tables = sorted(path.name for path in root.iterdir() if path.suffix.lower() in TABLE_SUFFIXES)
    return f"{', '.join(tables)}, without the columns of a case table" if tables else None


def scan(root: Path, *, layout: Layout | None = None) -> DatasetIndex:
    """List the cases of a data folder.

    Args:
        root: The folder; for some layouts a file.
        layout: How it is arranged; None takes the one layout that matches.

    Raises:
        DataError: The folder is absent or empty, matches no layout, or is inconsistent.
    """
    layout = layout or AutoLayout()
    # A table of other columns than the layout describes is explained by the layout.
    is_table = root.is_file() and root.suffix.lower() in TABLE_SUFFIXES and getattr(layout, "reads_tables", False)
    if not root.is_dir() and not (root.is_file() and (is_table or layout.matches(root))):
        what = "the data folder is a file" if root.exists() else "data folder not found"
        raise DataError(what, where=root, fix="give the folder that holds the data set, or its table (.csv, .tsv).")
    if root.is_dir() and not any(root.iterdir()):
        raise DataError("data folder is empty", where=root, fix="put the data set there, or give another folder.")
    index = layout.scan(root.resolve())
    if not index.cases:
        raise DataError("the folder holds no case", where=root, got=f"layout {index.layout}", fix="add images.")
    return index
