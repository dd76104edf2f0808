"""sha256.json: what lies in a finished run, so that one brought from elsewhere can be checked."""

import hashlib
from pathlib import Path

from medweave.core.errors import DataError
from medweave.core.files import read_json, write_json
from medweave.runs.folder import RunFolder


def write_checksums(run: RunFolder) -> None:
    """Write the SHA-256 of every file of a run into its sha256.json."""
    files = sorted(path for path in run.path.rglob("*") if path.is_file() and path != run.checksums)
    write_json(run.checksums, {path.relative_to(run.path).as_posix(): _sha256(path) for path in files})


def check_checksums(run: RunFolder) -> None:
    """Check that every file that sha256.json names is there as it was written.

    Raises:
        DataError: Files are absent or differ, or sha256.json is absent or wrong.
    """
    content = read_json(run.checksums)
    if not isinstance(content, dict):
        raise DataError("not a table of checksums", where=run.checksums)
    paths = {name: run.path / name for name in content}
    absent = [name for name, path in paths.items() if not path.is_file()]
    damaged = [name for name, path in paths.items() if name not in absent and _sha256(path) != content[name]]
    if absent or damaged:
        got = [f"{what}: {', '.join(names)}" for what, names in (("absent", absent), ("damaged", damaged)) if names]
        raise DataError("the run has not arrived whole", got="; ".join(got), fix="run the same command again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
