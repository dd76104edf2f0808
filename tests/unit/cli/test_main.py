import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from medweave import __version__
from medweave.cli import main as command_line
from medweave.cli.main import COMMANDS
from medweave.core.errors import DataError


def test_help_lists_every_command_with_its_line(medweave) -> None:
    finished = medweave("--help")
    assert finished.code == 0
    listed = re.findall(r"^  ([a-z]+) {2,}(\S.*)$", finished.stdout, flags=re.MULTILINE)
    assert [name for name, _ in listed] == list(COMMANDS)
    assert all(COMMANDS[name].startswith(line.removesuffix("...").rstrip()) for name, line in listed)


def test_every_module_of_the_folder_is_a_command_and_every_command_has_one() -> None:
    folder = Path(command_line.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "main", "progress"}
    assert modules == COMMANDS.keys()


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help_of_its_own(medweave, name: str) -> None:
    finished = medweave(name, "--help")
    assert finished.code == 0
    assert f"Usage: medweave {name}" in finished.stdout


def test_version(medweave) -> None:
    assert medweave("--version").stdout == f"{__version__}\n"


def test_no_command_is_wrong_usage_and_shows_help(medweave) -> None:
    finished = medweave()
    assert finished.code == 2
    assert "Usage: medweave" in finished.stdout + finished.stderr


def test_unknown_command_exits_2_with_a_suggestion(medweave) -> None:
    finished = medweave("trian")
    assert (finished.code, finished.stdout) == (2, "")
    assert finished.stderr == "error: no command 'trian'. Did you mean 'train'? Fix: `medweave --help` lists them.\n"


@pytest.mark.parametrize("arguments", [["--bogus"], ["check"], ["check", "heart", "--bogus"], ["recipes", "bogus"]])
def test_wrong_usage_exits_2(medweave, arguments: list[str]) -> None:
    finished = medweave(*arguments)
    assert finished.code == 2
    assert finished.stdout == ""
    assert "Traceback" not in finished.stderr


def failing_with(error: BaseException):
    def check(recipe: str) -> None:
        raise error

    return check


def test_error_of_the_data_is_one_line_and_exits_1(medweave, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("medweave.cli.check")
    monkeypatch.setattr(module, "check", failing_with(DataError("broken", where="a.nii", fix="repair it.")))
    finished = medweave("check", "heart")
    assert (finished.code, finished.stdout, finished.stderr) == (1, "", "error: broken (a.nii). Fix: repair it.\n")


def test_defect_is_one_line_and_its_traceback_is_kept(medweave, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("medweave.cli.check")
    monkeypatch.setattr(module, "check", failing_with(ZeroDivisionError("nothing\nthere")))
    finished = medweave("check", "heart")
    assert finished.code == 1
    first, second = finished.stderr.splitlines()
    assert first == "error: ZeroDivisionError: nothing there"
    log = Path(second.rpartition(" ")[2])
    assert "This is a defect of medweave" in second
    assert "Traceback" in log.read_text(encoding="utf-8")
    log.unlink()


@pytest.mark.parametrize("flags", [[], ["--verbose"]])
def test_work_is_logged_on_request_only(medweave, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    def check(recipe: str) -> None:
        command_line.logging.getLogger("medweave.test").info("read %s", recipe)
        command_line.logging.getLogger("medweave.test").warning("odd")

    monkeypatch.setattr(importlib.import_module("medweave.cli.check"), "check", check)
    finished = medweave(*flags, "check", "heart")
    assert finished.stderr == ("info: read heart\n" if flags else "") + "warning: odd\n"


def test_reader_that_goes_away_is_no_defect() -> None:
    command = [sys.executable, "-m", "medweave", "recipes", "schema"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate()
    assert errors == ""
    assert process.returncode == 1


@pytest.mark.parametrize(("command", "package"), [("serve", "uvicorn"), ("app", "streamlit")])
def test_a_missing_package_is_named_with_its_extra(command, package, medweave, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(
        "medweave.core.optional.import_module",
        lambda name: absent(package) if "serving" in name else __import__(name, fromlist=["x"]),
    )
    result = medweave(command, "model")
    assert (result.code, result.stdout) == (2, "")
    assert f"pip install 'medweave[{command}]'" in result.stderr
