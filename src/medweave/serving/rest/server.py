"""The process of the service: from folders of models to a server that ends in good order."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from types import FrameType

import uvicorn

from medweave.serving.limits import Limits
from medweave.serving.rest.api_key import read_api_key
from medweave.serving.rest.application import create_application
from medweave.serving.rest.http_protocol import HttpProtocol
from medweave.serving.served_model import load_models

LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def serve(
    models: Sequence[Path], *, host: str, port: int, limits: Limits, on_start: Callable[[str], None] = lambda _: None
) -> None:
    """Serve models until the process is told to end; what was begun by then is answered.

    Args:
        models: Runs and bundles.
        host: Address to bind to.
        port: To bind to.
        limits: What is refused.
        on_start: Called with the address once the models are loaded.

    Raises:
        UsageError: The address is open to other machines and there is no key, or the models' names do not fit.
        RunError: A model cannot be used.
        DependencyError: A package that a model needs is not installed.
    """
    api_key = read_api_key(os.environ, host=host)
    app = create_application(load_models(models), limits=limits, api_key=api_key)
    on_start(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    # uvicorn gives a signal back once it has ended in good order; that is a success.
    signal.signal(signal.SIGTERM, _end)
    with _log_to_standard_error():
        uvicorn.run(
            app,
            host=host,
            port=port,
            http=HttpProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=ceil(limits.job_s),
        )


def _end(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


@contextmanager
def _log_to_standard_error() -> Iterator[None]:
    """Log requests, whatever the command line's level is."""
    logger = logging.getLogger("medweave.serving")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(LOG_FORMAT))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
