"""Every command of every tutorial, in order, as a reader types it; trainings are cut to one epoch."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIALS = sorted((Path(__file__).parents[2] / "docs" / "tutorials").glob("*.md"))
ONE_EPOCH = ["training.max_epochs=1", "training.validate_every_epochs=1", "training.loader_workers=0"]


def commands(page: Path) -> list[list[str]]:
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    return [shlex.split(line) for line in re.findall(r"^\$ (medweave .*)$", text, re.M)]


def test_there_is_a_tutorial_for_each_of_the_five_systems() -> None:
    titles = [page.read_text(encoding="utf-8").splitlines()[0] for page in TUTORIALS]
    assert sorted(re.findall(r"\((S\d)\)$", "\n".join(titles), re.M)) == ["S0", "S1", "S2", "S3", "S4"]


@pytest.mark.slow
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_the_commands_of_a_tutorial_work(page: Path, tmp_path: Path) -> None:
    assert len(commands(page)) >= 4
    for command in commands(page):
        changes = ONE_EPOCH if command[1] == "train" else []
        done = subprocess.run(
            [sys.executable, "-m", *command, *changes], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
