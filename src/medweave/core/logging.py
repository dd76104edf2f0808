"""Where messages go: one logger, to standard error and to the run's log file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOGGER_NAME = "medweave"


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module (`get_logger(__name__)`)."""
    return logging.getLogger(name)


@contextmanager
def log_to_file(path: Path) -> Iterator[None]:
    """Append what medweave logs, from INFO upwards, to `path` while the context is open."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
    logger = logging.getLogger(LOGGER_NAME)
    level = logger.level
    logger.setLevel(min(logger.getEffectiveLevel(), logging.INFO))
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
