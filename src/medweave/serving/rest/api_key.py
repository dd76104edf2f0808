"""Who may ask: whoever shows the key of the environment, or on this machine anyone."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.security import APIKeyHeader

from medweave.core.errors import UsageError
from medweave.serving.loopback import is_loopback
from medweave.serving.rest.problem import Problem
from medweave.serving.rest.service import ServiceOfRequest

VARIABLE = "MEDWEAVE_API_KEY"
HEADER = "X-API-Key"
MIN_CHARACTERS = 16


def read_api_key(environment: Mapping[str, str], *, host: str) -> str | None:
    """Return the key that requests must show.

    Args:
        environment: Of the process.
        host: Address that the service is bound to.

    Raises:
        UsageError: Another machine could ask and there is no key, or the key is short.
    """
    key = environment.get(VARIABLE)
    if key is None and not is_loopback(host):
        raise UsageError(
            "other machines can reach this address, so that requests must show a key",
            where=host,
            fix=f"set the environment variable {VARIABLE}, or bind to 127.0.0.1.",
        )
    if key is not None and (len(key) < MIN_CHARACTERS or not key.isascii() or not key.isprintable()):
        raise UsageError(
            "the key of the service is too weak",
            where=VARIABLE,
            wanted=f"at least {MIN_CHARACTERS} printable ASCII characters",
            fix="openssl rand -hex 32",
        )
    return key


_SHOWN = APIKeyHeader(name=HEADER, auto_error=False, description=f"The service's {VARIABLE}, where it has one.")


def require_api_key(service: ServiceOfRequest, shown: Annotated[str | None, Depends(_SHOWN)]) -> None:
    """Refuse a request that does not show the key.

    Raises:
        Problem: It does not.
    """
    if service.api_key is None or secrets.compare_digest((shown or "").encode(), service.api_key.encode()):
        return
    raise Problem(
        HTTPStatus.UNAUTHORIZED,
        "no-valid-key",
        f"Show the service's key in the header {HEADER}.",
        headers={"WWW-Authenticate": f'ApiKey header="{HEADER}"'},
    )
