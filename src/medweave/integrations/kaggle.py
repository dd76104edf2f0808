"""Kaggle through its official client, which finds the credentials in Kaggle's own files and variables."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from enum import Enum
from io import StringIO
from pathlib import Path
from typing import Protocol, cast

from medweave.core.errors import RunError, UsageError
from medweave.core.optional import import_optional

CREDENTIALS_FIX = (
    "run `kaggle auth login`, set KAGGLE_API_TOKEN, or put the file kaggle.json of your Kaggle account into ~/.kaggle"
)
#: What Kaggle answers to an account that it does not know, or that may not see something.
REFUSED = (401, 403)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9_-]*")


class _Saved(Protocol):
    """What the client returns of a push."""

    url: str
    version_number: int | None
    error: str | None
    invalid_dataset_sources: list[str] | None


class _SessionStatus(Protocol):
    """What the client returns of a kernel's last session."""

    status: Enum
    failure_message: str


class _Client(Protocol):
    """The part of `kaggle.KaggleApi` that is used."""

    config_values: dict[str, str]

    def authenticate(self) -> None: ...
    def kernels_push(self, folder: str) -> _Saved: ...
    def kernels_status(self, kernel: str) -> _SessionStatus: ...
    def kernels_output(self, kernel: str, path: str, *, force: bool, page_size: int) -> tuple[list[str], str]: ...
    def dataset_download_files(self, dataset: str, path: str, *, quiet: bool, unzip: bool) -> None: ...


@dataclass(frozen=True)
class PushedKernel:
    """A kernel that Kaggle has accepted.

    Attributes:
        url: Where it can be watched.
        version: Counted by Kaggle from 1.
    """

    url: str
    version: int | None


@dataclass(frozen=True)
class KernelStatus:
    """How the last session of a kernel stands.

    Attributes:
        state: "queued", "running", "complete", "error", "cancel_acknowledged", …
        failure: Kaggle's message of a failure, else empty.
    """

    state: str
    failure: str


class Kaggle:
    """A signed-in account.

    Args:
        client: The official client, authenticated.
    """

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.user = client.config_values["username"]

    @classmethod
    def connect(cls) -> "Kaggle":
        """Sign in with the credentials that Kaggle's client finds.

        Raises:
            DependencyError: The package `kaggle` is not installed.
            UsageError: There are no credentials.
            RunError: Kaggle cannot be reached, or refuses them.
        """
        with _translated("Kaggle"):
            try:
                with redirect_stdout(StringIO()):  # the client prints its own help when it finds no credentials
                    client = cast(_Client, import_optional("kaggle").KaggleApi())
                    client.authenticate()
            except SystemExit as error:
                raise UsageError("no credentials for Kaggle were found", fix=f"{CREDENTIALS_FIX}.") from error
        return cls(client)

    def push(self, folder: Path) -> PushedKernel:
        """Send the kernel in a folder, which starts it.

        Args:
            folder: With kernel-metadata.json and the script that it names.

        Raises:
            RunError: Kaggle does not take it, or does not have its data set.
        """
        with _translated(folder):
            saved = self._client.kernels_push(str(folder))
        if saved.error:
            raise RunError("Kaggle refused the kernel", where=folder, got=saved.error)
        if saved.invalid_dataset_sources:
            raise RunError(
                "Kaggle started the kernel without its data set",
                where=saved.url,
                got=f"no access to {', '.join(saved.invalid_dataset_sources)}",
                fix="stop the kernel there, check the name of the data set, and push again.",
            )
        return PushedKernel(saved.url, saved.version_number)

    def status(self, kernel: str) -> KernelStatus:
        """Return how the last session of a kernel stands.

        Raises:
            RunError: There is no such kernel, or it may not be seen.
        """
        with _translated(kernel):
            answer = self._client.kernels_status(kernel)
        return KernelStatus(answer.status.name.lower(), answer.failure_message)

    def fetch_output(self, kernel: str, folder: Path) -> None:
        """Bring all files that the last session of a kernel left, and its log as `<name>.log`.

        The client does not look at the answers of single files, so what came must be checked.

        Raises:
            RunError: They cannot be had.
        """
        with _translated(kernel):
            self._client.kernels_output(kernel, str(folder), force=True, page_size=100)

    def fetch_data_set(self, data_set: str, folder: Path, *, shows_progress: bool) -> None:
        """Bring a data set and unpack it; a broken download is continued by the next call.

        Args:
            data_set: OWNER/NAME.
            folder: Gets the files.
            shows_progress: Draw a bar on standard error.

        Raises:
            RunError: It cannot be had, or is damaged.
        """
        with _translated(data_set):
            self._client.dataset_download_files(data_set, str(folder), quiet=not shows_progress, unzip=True)


def check_name(name: str, *, of: str) -> str:
    """Return the name of a kernel or data set as Kaggle writes it.

    Raises:
        UsageError: It is not OWNER/NAME.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"not the name of a {of} at Kaggle", got=repr(name), wanted="OWNER/NAME, as in its address there"
        )
    return name


@contextmanager
def _translated(where: object) -> Iterator[None]:
    """Turn the client's errors into ours, and what it prints into progress."""
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (OSError, ValueError, RuntimeError) as error:  # those of requests are OSErrors
        code = _http_code(error)
        raise RunError(
            "Kaggle does not answer as hoped", where=where, got=_reason(error, code), fix=_fix(code)
        ) from error


def _http_code(error: Exception) -> int | None:
    """Return the code that the server answered with; the client raises some of its errors in place of the server's."""
    answers = (getattr(each, "response", None) for each in (error, error.__context__))
    return next((answer.status_code for answer in answers if answer is not None), None)


def _reason(error: Exception, code: int | None) -> str:
    if code in REFUSED:
        return f"HTTP {code}: the account is not known, or may not do this"
    return " ".join(str(error).split())[:300] or type(error).__name__


def _fix(code: int | None) -> str:
    if code in REFUSED:
        return f"check the name; to sign in again, {CREDENTIALS_FIX}."
    if code == 404:
        return "check the name."
    return "check the name and the network, and run the same command again."
