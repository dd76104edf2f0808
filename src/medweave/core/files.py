"""Writing files so that a crash leaves the old one or the new one, never half of one."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medweave.core.errors import DataError, RunError


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, moved onto it when the block ends well and removed otherwise.

    Args:
        path: Final file; its suffixes are kept on the temporary one, for writers that choose a format by suffix.

    Raises:
        RunError: The folder cannot be written, or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix="".join(path.suffixes[-2:]), dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(
            "cannot write", where=path, got=why_not_a_folder(error), fix="free space, or choose a writable folder."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` atomically, in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` to `path` as indented JSON, atomically; NaN and infinities are refused."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: The file is absent, cannot be opened or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("file not found", where=path, fix="check the path.") from error
    except OSError as error:
        raise DataError("file cannot be opened", where=path, got=error.strerror, fix="check the path.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError("not a JSON file", where=path, got=error, fix="restore or rewrite the file.") from error


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def why_not_a_folder(error: OSError) -> str | None:
    """Say why a folder could not be made or listed."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "a file in the place of a folder"
    return error.strerror


@contextmanager
def new_output_folder(folder: Path) -> Iterator[None]:
    """Claim `folder` as `claim_output_folder` does, and leave it as it was where the block fails."""
    was_there = folder.is_dir()
    claim_output_folder(folder)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if was_there:
            folder.mkdir(exist_ok=True)
        raise


@contextmanager
def completed_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its place when the block ends well, and else is removed.

    Raises:
        RunError: `folder` holds files, or its parent cannot be written.
    """
    was_there = folder.is_dir()
    claim_output_folder(folder)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        if not was_there:
            folder.rmdir()
        raise


def claim_output_folder(folder: Path) -> None:
    """Create `folder` for new output, refusing one that already holds something.

    Raises:
        RunError: The folder holds files, or cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_filled = any(folder.iterdir())
    except OSError as error:
        raise RunError(
            "cannot use the output folder", where=folder, got=why_not_a_folder(error), fix="choose another."
        ) from error
    if is_filled:
        raise RunError("the output folder is not empty", where=folder, fix="choose a new folder or empty this one.")
