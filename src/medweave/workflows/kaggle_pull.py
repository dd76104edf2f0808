"""From a kernel that has trained at Kaggle to its run on this machine."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medweave.core.errors import DataError, RunError
from medweave.core.files import new_output_folder, read_json
from medweave.integrations.kaggle import Kaggle, check_name
from medweave.runs.checksums import check_checksums
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import read_manifest

#: Folder that a pushed kernel trains into.
RUN_NAME = "run"


@dataclass(frozen=True)
class PulledRun:
    """A run that has come whole.

    Attributes:
        run: The run folder.
        summary: Content of training_summary.json.
        evaluation: Content of the summary.json of its test part, else of its validation part; None without either.
    """

    run: RunFolder
    summary: dict[str, Any]
    evaluation: dict[str, Any] | None


def run(kernel: str, output: Path) -> PulledRun:
    """Bring the run of a kernel and check every file of it; where that fails, `output` is as it was.

    Args:
        kernel: OWNER/NAME.
        output: New folder for the run.

    Raises:
        UsageError: The name is not one of Kaggle's, or there are no credentials.
        DependencyError: The package `kaggle` is not installed.
        RunError: The kernel has not finished, left no run, or `output` is taken.
        DataError: The run has not come whole.
    """
    check_name(kernel, of="kernel")
    kaggle = Kaggle.connect()
    status = kaggle.status(kernel)
    if status.state != "complete":
        raise RunError(
            "the kernel has no finished run",
            where=kernel,
            got=f"{status.state}{f', {status.failure}' if status.failure else ''}",
            wanted="complete",
            fix="wait for it, or see its log at Kaggle.",
        )
    with new_output_folder(output), TemporaryDirectory(prefix=".pulling-", dir=output.parent) as temporary:
        kaggle.fetch_output(kernel, Path(temporary))
        found = RunFolder(Path(temporary) / RUN_NAME)
        _check(found, kernel)
        found.checksums.unlink()
        output.rmdir()
        found.path.rename(output)
    pulled = RunFolder(output)
    return PulledRun(pulled, read_json(pulled.training_summary), _evaluation(pulled))


def _check(run: RunFolder, kernel: str) -> None:
    if not run.checksums.is_file():
        raise RunError(
            "the kernel left no whole run",
            where=kernel,
            got=f"no {RUN_NAME}/{run.checksums.name} among its files",
            fix="push it with `medweave kaggle push`, and see its log at Kaggle.",
        )
    check_checksums(run)
    needed = (run.recipe, run.manifest, run.split, run.weights, run.training_summary, run.training_summary_markdown)
    absent = [path.name for path in needed if not path.is_file()]
    if absent:
        raise DataError("the kernel's run is not whole", where=kernel, got=f"no {', '.join(absent)}")
    status = read_manifest(run.manifest)["status"]
    if status != "finished":
        raise DataError("the kernel's run is not finished", where=kernel, got=f"status {status}")


def _evaluation(run: RunFolder) -> dict[str, Any] | None:
    files = (run.evaluation(part) / "summary.json" for part in ("test", "val"))
    return next((read_json(path) for path in files if path.is_file()), None)
