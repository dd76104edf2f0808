"""A content-addressed store of preprocessed arrays, memory-mapped and shared by workers and runs."""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError, RunError
from medweave.core.files import why_not_a_folder
from medweave.preprocessing.readers.dicom import dicom_files

#: Part of every key: raise it when the meaning of a stored array changes.
FORMAT_VERSION = 4
#: Beside the arrays of a group, what each file holds by the array's name. It is read instead of the files' own headers,
#: which NumPy parses as Python: threads that parse fail now and then before CPython 3.11.8 and 3.12.2 (gh-106905).
CONTENTS = "contents.json"
#: Headers of MetaImage and NRRD may lie in files of their own, and then name the files of the voxels.
HEADER_SUFFIXES, HEADER_BYTES = (".mhd", ".nrrd"), 2**16
NAMES_OTHER_FILES = re.compile(rb"^\s*(ElementDataFile\s*=(?!\s*LOCAL)|data ?file\s*:)", re.MULTILINE | re.IGNORECASE)


def default_cache_folder() -> Path:
    """Return $MEDWEAVE_CACHE, or the user's cache folder."""
    if named := os.environ.get("MEDWEAVE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medweave"


class ArrayLayout(NamedTuple):
    """How an array lies in a file: the bytes of the file and of what comes before the array, type, shape and order."""

    size: int
    offset: int
    dtype: str
    shape: Sequence[int]
    order: Literal["C", "F"]

    @classmethod
    def of(cls, array: NDArray[Any], file: Path) -> Self:
        """Return how `array` lies in the file that NumPy has saved it to."""
        order: Literal["C", "F"] = "F" if array.flags.fnc else "C"
        size = file.stat().st_size
        return cls(size, size - array.nbytes, array.dtype.str, array.shape, order)

    def map(self, file: Path) -> NDArray[Any]:
        """Return the array of the file, memory-mapped read-only."""
        return np.memmap(file, self.dtype, "r", self.offset, tuple(self.shape), self.order)


class ArrayStore:
    """Named groups of arrays on disk.

    A group's key is the hash of how it was made (a JSON description) and of the bytes of the files it was made from,
    so that a changed file or setting gives another key and nothing is ever stale.

    Args:
        root: Folder of the store; made when first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def key(self, description: Mapping[str, Any], files: Sequence[Path]) -> str:
        """Return the key of what `description` makes of `files`.

        Raises:
            DataError: A file cannot be read.
        """
        digest = hashlib.sha256(json.dumps([FORMAT_VERSION, description], sort_keys=True).encode())
        for file in [part for path in files for part in (dicom_files(path) if path.is_dir() else [path])]:
            try:
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
                if _names_other_files(file):
                    digest.update(sitk.GetArrayFromImage(sitk.ReadImage(str(file))).tobytes())
            except (OSError, RuntimeError) as error:
                raise DataError(
                    "file cannot be read",
                    where=file,
                    got=error.strerror if isinstance(error, OSError) else "no voxels in the files that it names",
                    fix="restore the file or its permissions.",
                ) from error
        return digest.hexdigest()

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a group, memory-mapped read-only, or None where the store has no such group whole."""
        folder = self._folder(key)
        if (layouts := _layouts_in(folder)) is None:
            return None
        return {name: layout.map(folder / f"{name}.npy") for name, layout in layouts.items()}

    def save(self, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Store a group; of two processes that store one key at a time, one wins and both are right.

        Raises:
            RunError: The store cannot be written.
        """
        folder = self._folder(key)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
            try:
                contents = {}
                for name, array in sorted(arrays.items()):
                    np.save(temporary / f"{name}.npy", array)
                    contents[name] = ArrayLayout.of(array, temporary / f"{name}.npy")._asdict()
                (temporary / CONTENTS).write_text(json.dumps(contents), encoding="utf-8")
                temporary.chmod(0o755)  # a store may be shared by several users; mkdtemp's folders are private
                if folder.is_dir() and _layouts_in(folder) is None:
                    shutil.rmtree(folder)
                if not folder.exists():
                    temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            if _layouts_in(folder) is not None:
                return
            raise RunError(
                "cannot write the preprocessing cache",
                where=self.root,
                got=why_not_a_folder(error),
                fix="free space, or point the environment variable MEDWEAVE_CACHE to another folder.",
            ) from error

    def size_bytes(self) -> int:
        """Return the bytes of all files of the store, which others may write meanwhile."""
        total = 0
        for folder, _, files in os.walk(self.root):
            for file in files:
                with suppress(FileNotFoundError):
                    total += (Path(folder) / file).stat().st_size
        return total

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key


def _layouts_in(folder: Path) -> dict[str, ArrayLayout] | None:
    """Return how the arrays of a group lie in their files, or None where the group is absent or not whole."""
    try:
        contents: dict[str, dict[str, Any]] = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
        layouts = {name: ArrayLayout(**layout) for name, layout in contents.items()}
        is_whole = all((folder / f"{name}.npy").stat().st_size == layout.size for name, layout in layouts.items())
    except (OSError, ValueError):
        return None
    return layouts if is_whole else None


def _names_other_files(file: Path) -> bool:
    if file.suffix.lower() not in HEADER_SUFFIXES:
        return False
    with file.open("rb") as stream:
        return NAMES_OTHER_FILES.search(stream.read(HEADER_BYTES)) is not None
