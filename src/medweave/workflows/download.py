"""Fetching public data sets: resumable, checked, unpacked all or not at all."""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from ssl import SSLError
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from monai.apps import DecathlonDataset

from medweave.core.errors import DataError, RunError, UsageError, did_you_mean
from medweave.core.logging import get_logger

#: Tasks of the Medical Segmentation Decathlon (Antonelli et al., Nat Commun 2022;13:4128) by the command's name.
TASKS = {"msd-heart": "Task02_Heart", "msd-hippocampus": "Task04_Hippocampus"}
BASE_URL_VARIABLE = "MEDWEAVE_DOWNLOAD_BASE_URL"
TIMEOUT_S = 30
BLOCK_BYTES = 1 << 20

#: Called with the bytes that are on disk and the bytes that there will be, 0 where the server does not say.
OnProgress = Callable[[int, int], None]

logger = get_logger(__name__)


@dataclass(frozen=True)
class DownloadResult:
    """What a download left.

    Attributes:
        folder: The data set, ready for `--data`.
        was_there: Whether it was there already, so that nothing was fetched.
    """

    folder: Path
    was_there: bool


def run(name: str, output: Path, *, on_progress: OnProgress = lambda _done, _total: None) -> DownloadResult:
    """Download a data set into a folder of its own below `output`.

    A broken download is kept as `<task>.tar.part` and continued by the next call. An archive that was put at
    `output/<task>.tar` by hand is used instead of the network.

    Args:
        name: One of `TASKS`.
        output: Folder that gets the data set's folder; created where absent.
        on_progress: Called after each block.

    Raises:
        UsageError: The name is unknown, or the mirror's address is not http.
        RunError: The server cannot be reached or does not have the file, or the disk cannot be written.
        DataError: The archive is not what was published.
    """
    if name not in TASKS:
        raise UsageError(
            f"unknown data set {name!r}.{did_you_mean(name, TASKS)}", wanted=f"one of {', '.join(sorted(TASKS))}"
        )
    task = TASKS[name]
    folder = output / task
    if (folder / "dataset.json").is_file():
        return DownloadResult(folder, was_there=True)
    try:
        output.mkdir(parents=True, exist_ok=True)
        archive = output / f"{task}.tar"
        if archive.is_file():
            _check(archive, task, fix="remove it, or put the published one there.")
            _unpack(archive, folder)
        else:
            part = output / f"{task}.tar.part"
            _fetch(_address(task), part, on_progress=on_progress)
            try:
                _check(part, task, fix="run the same command again; the file was removed.")
                _unpack(part, folder)
            finally:
                part.unlink()
    except OSError as error:
        raise RunError(
            "cannot write the data set", where=output, got=error, fix="free space, or choose another folder."
        ) from error
    return DownloadResult(folder, was_there=False)


def _address(task: str) -> str:
    base = os.environ.get(BASE_URL_VARIABLE)
    address = f"{base.rstrip('/')}/{task}.tar" if base else str(DecathlonDataset.resource[task])
    if urlsplit(address).scheme not in ("http", "https"):
        raise UsageError("the mirror's address is not http", where=BASE_URL_VARIABLE, got=base, wanted="http(s)://…")
    return address


def _fetch(address: str, part: Path, *, on_progress: OnProgress) -> None:
    """Bring `part` to its full length, continuing where an earlier call stopped."""
    have = part.stat().st_size if part.is_file() else 0
    request = Request(address, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 -- http(s) only
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 -- http(s) only
            is_continued = response.status == 206
            have = have if is_continued else 0
            total = have + int(response.headers.get("Content-Length", 0))
            logger.info("Downloading %s (%.0f of %.0f MB are here)", address, have / 1e6, total / 1e6)
            with part.open("ab" if is_continued else "wb") as file:
                done = _copy(response, file, done=have, total=total, on_progress=on_progress)
    except HTTPError as error:
        if error.code == 416:  # nothing follows what is here: the part is complete, or the checksum will tell
            return
        raise _unreachable(address, part, reason=f"HTTP {error.code} {error.reason}") from error
    except (URLError, HTTPException, TimeoutError, ConnectionError, SSLError) as error:
        raise _unreachable(address, part, reason=getattr(error, "reason", error)) from error
    if done < total:
        raise RunError(
            "the download broke off",
            where=address,
            got=f"{done} bytes",
            wanted=f"{total}",
            fix="run the same command again; it continues where it stopped.",
        )


def _copy(response: BinaryIO, file: BinaryIO, *, done: int, total: int, on_progress: OnProgress) -> int:
    while block := response.read(BLOCK_BYTES):
        file.write(block)
        done += len(block)
        on_progress(done, total)
    return done


def _unreachable(address: str, part: Path, *, reason: object) -> RunError:
    return RunError(
        "cannot download",
        where=address,
        got=reason,
        fix=f"connect to the network, set {BASE_URL_VARIABLE} to a mirror, or fetch the file by other means, "
        f"put it at {part.with_suffix('')} and run the same command again.",
    )


def _check(archive: Path, task: str, *, fix: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != DecathlonDataset.md5[task]:
        wanted = f"md5 {DecathlonDataset.md5[task]}"
        raise DataError(
            "the archive is not the published one", where=archive, got=f"md5 {found}", wanted=wanted, fix=fix
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack the archive's one folder to `folder`, without the "._" files that macOS leaves."""
    unpacked = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    try:
        with tarfile.open(archive) as content:
            members = [member for member in content if not Path(member.name).name.startswith("._")]
            content.extractall(unpacked, members=members, filter="data")
        if not (unpacked / folder.name / "dataset.json").is_file():
            raise DataError("the archive holds no data set", where=archive, wanted=f"{folder.name}/dataset.json")
        (unpacked / folder.name).replace(folder)
    except tarfile.TarError as error:
        raise DataError("the archive cannot be unpacked", where=archive, got=error) from error
    finally:
        shutil.rmtree(unpacked)
