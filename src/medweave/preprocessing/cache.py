"""A content-addressed store of preprocessed arrays, memory-mapped and shared by workers and runs."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medweave.core.errors import DataError, RunError
from medweave.core.files import why_not_a_folder
from medweave.preprocessing.readers.dicom import dicom_files

#: Part of every key: raise it when the meaning of a stored array changes.
FORMAT_VERSION = 2


def default_cache_folder() -> Path:
    """Return $MEDWEAVE_CACHE, or the user's cache folder."""
    if named := os.environ.get("MEDWEAVE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medweave"


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
            except OSError as error:
                raise DataError(
                    "file cannot be read", where=file, got=error.strerror, fix="restore the file or its permissions."
                ) from error
        return digest.hexdigest()

    def load(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a group, memory-mapped read-only, or None where the store has no such group."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None
        return {file.stem: np.load(file, mmap_mode="r") for file in sorted(folder.glob("*.npy"))}

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
                for name, array in arrays.items():
                    np.save(temporary / f"{name}.npy", array)
                temporary.chmod(0o755)  # a store may be shared by several users; mkdtemp's folders are private
                if not folder.exists():
                    temporary.rename(folder)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
        except OSError as error:
            if folder.is_dir():
                return
            raise RunError(
                "cannot write the preprocessing cache",
                where=self.root,
                got=why_not_a_folder(error),
                fix="free space, or point the environment variable MEDWEAVE_CACHE to another folder.",
            ) from error

    def _folder(self, key: str) -> Path:
        return self.root / key[:2] / key
