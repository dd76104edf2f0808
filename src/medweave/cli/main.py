"""The command `medweave`: finds the command's module, runs it, and turns errors into one line and an exit code."""

import logging
import os
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from medweave import __version__
from medweave.core.errors import MedweaveError, UsageError, did_you_mean
from medweave.core.optional import import_optional

#: Every command, a module of medweave.cli with a function of its name (or a group `app`), and its line in the help. The
#: modules are imported when a command runs, so that help needs no PyTorch.
COMMANDS: dict[str, str] = {
    "demo": "Show everything on a synthetic study; needs no data.",
    "inspect": "Count, measure and audit a data folder.",
    "recipes": "List, show or copy the library's recipes.",
    "check": "Check a recipe, all problems at once.",
    "train": "Train a recipe on a data folder.",
    "evaluate": "Measure a trained model on its test part or on other data.",
    "predict": "Segment images with a trained model.",
    "export": "Make a bundle that predicts without PyTorch.",
    "serve": "Answer requests over HTTP with trained models.",
    "app": "Show a web page to predict, and to look at runs and data.",
    "compare": "Compare runs on the same cases.",
    "download": "Fetch a public data set.",
    "kaggle": "Train at Kaggle and bring the run back.",
    "phantom": "Draw a synthetic study, to try recipes without data.",
    "doctor": "Show versions, processor and what is missing.",
}


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | TyperGroup | None:  # type: ignore[override]
        """Return a stand-in with the command's help line."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name])

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str, TyperCommand | TyperGroup, list[str]]:  # type: ignore[override]
        """Import the command that is called."""
        name = args[0]
        if name not in COMMANDS:
            raise UsageError(f"no command {name!r}.{did_you_mean(name, COMMANDS)}", fix="`medweave --help` lists them.")
        return name, _load(name), args[1:]


def _load(name: str) -> TyperCommand | TyperGroup:
    module = import_optional(f"medweave.cli.{name}")
    found: Any = getattr(module, "app", None) or getattr(module, name)
    if isinstance(found, typer.Typer):
        return get_command(found)  # type: ignore[return-value]
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(found)
    return get_command(single)  # type: ignore[return-value]


app = typer.Typer(
    cls=LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what is done to standard error."),
) -> None:
    """From a folder of medical images to a trained, judged and usable model."""
    if version:
        print(__version__)
        raise typer.Exit
    messages = logging.StreamHandler()
    messages.setLevel(logging.INFO if verbose else logging.WARNING)
    messages.setFormatter(_LowerCaseLevel("%(levelname)s: %(message)s"))
    logging.basicConfig(level=messages.level, handlers=[messages])


class _LowerCaseLevel(logging.Formatter):
    """Writes "warning: …" as errors are written."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        level, separator, message = super().format(record).partition(":")
        return f"{level.lower()}{separator}{message}"


def main() -> None:
    """Run the command line and exit with 0 (done), 1 (the data or the run failed) or 2 (wrong usage or recipe)."""
    warnings.simplefilter("ignore")
    # Threads that spin while they wait starve the loader's processes of the cores that they share.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.exit(app(prog_name="medweave", standalone_mode=False))
    except MedweaveError as error:
        _fail(str(error), error.exit_code)
    except TyperException as error:
        _refuse(error)
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 -- a traceback is a defect, but must not be lost
        _fail(f"{_summary(error)}\n  This is a defect of medweave. Details for a report: {_keep_traceback()}", 1)


def _refuse(error: Any) -> None:
    """Show what Typer says of a call, its usage first, in the form of our own errors; without arguments the help."""
    said, context = error.format_message().strip().replace("Value error, ", ""), getattr(error, "ctx", None)
    if context is None:
        _fail(said, error.exit_code)
    if said == context.get_help().strip():
        error.show()
        sys.exit(error.exit_code)
    print(context.get_usage(), file=sys.stderr)
    _fail(str(UsageError(said, fix=f"`{context.command_path} --help` tells what it takes.")), error.exit_code)


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def _keep_traceback() -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="medweave-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(traceback.format_exc())
    return Path(file.name)


def _fail(message: str, code: int) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)
