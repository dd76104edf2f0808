"""The layout contract, its registry and the detection of a folder's layout."""

from pathlib import Path
from typing import Protocol

from medweave.core.errors import DataError
from medweave.core.registry import Registry
from medweave.data.index import DatasetIndex


class Layout(Protocol):
    """How a data folder is arranged.

    A layout reads names and small text files only; it never opens an image.
    """

    #: What the folder looks like, for messages and documentation.
    tree: str

    def matches(self, root: Path) -> bool:
        """Tell whether `root` looks like this layout, quickly and without an error."""
        ...

    def scan(self, root: Path) -> DatasetIndex:
        """List the cases below `root`.

        Raises:
            DataError: The folder has the layout's shape but contradicts itself (a named file is absent, …).
        """
        ...


LAYOUTS: Registry[type[Layout]] = Registry("layout", home="medweave.data.layouts")


def scan(root: Path, *, layout: str = "auto") -> DatasetIndex:
    """List the cases of a data folder.

    Args:
        root: The folder.
        layout: A registered layout name, or "auto" to take the one layout that matches.

    Raises:
        DataError: The folder is absent or empty, matches no layout, or is inconsistent.
        UsageError: The layout name is unknown.
    """
    if not root.is_dir():
        what = "the data folder is a file" if root.exists() else "data folder not found"
        raise DataError(what, where=root, fix="give the folder that holds the data set.")
    if not any(root.iterdir()):
        raise DataError("data folder is empty", where=root, fix="put the data set there, or give another folder.")
    root = root.resolve()
    if layout != "auto":
        index = LAYOUTS.get(layout)().scan(root)
    else:
        matching = [name for name in LAYOUTS.names() if LAYOUTS.get(name)().matches(root)]
        if len(matching) != 1:
            trees = "\n".join(f"{name}:\n{LAYOUTS.get(name)().tree}" for name in matching or LAYOUTS.names())
            raise DataError(
                "the folder matches several layouts" if matching else "the folder matches no known layout",
                where=root,
                fix=f"name one with --layout, or arrange the folder like one of these:\n{trees}",
            )
        index = LAYOUTS.get(matching[0])().scan(root)
    if not index.cases:
        raise DataError("the folder holds no case", where=root, got=f"layout {index.layout}", fix="add images.")
    return index
