import logging
from pathlib import Path

from medweave.core.logging import LOGGER_NAME, get_logger, log_to_file


def test_file_gets_what_the_package_logs_while_open(tmp_path: Path) -> None:
    logger = get_logger("medweave.training.trainer")
    logger.info("before")
    with log_to_file(tmp_path / "log.txt"):
        logger.info("Epoch %d", 3)
    logger.info("after")

    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) == 1
    assert lines[0].endswith(" INFO    Epoch 3")


def test_file_is_continued_by_a_resumed_run(tmp_path: Path) -> None:
    for word in ("first", "second"):
        with log_to_file(tmp_path / "log.txt"):
            get_logger("medweave").warning(word)
    assert [line.split()[-1] for line in (tmp_path / "log.txt").read_text().splitlines()] == ["first", "second"]


def test_logger_is_left_as_it_was(tmp_path: Path) -> None:
    logger = logging.getLogger(LOGGER_NAME)
    before = (logger.level, list(logger.handlers))
    with log_to_file(tmp_path / "log.txt"):
        assert len(logger.handlers) == len(before[1]) + 1
    assert (logger.level, logger.handlers) == before
