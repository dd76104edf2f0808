"""Fetching a data set from Kaggle."""

from pathlib import Path

from medweave.core.errors import RunError
from medweave.core.files import why_not_a_folder
from medweave.integrations.kaggle import Kaggle, check_name
from medweave.workflows.download import DownloadResult

#: What a data set of Kaggle's is called by on the command line: `kaggle:OWNER/NAME`.
PREFIX = "kaggle:"


def run(data_set: str, output: Path, *, shows_progress: bool = False) -> DownloadResult:
    """Download a data set into a folder of its own below `output`; a broken download is continued.

    Args:
        data_set: OWNER/NAME.
        output: Folder that gets the data set's folder; created where absent.
        shows_progress: Draw a bar on standard error.

    Returns:
        The data set's folder, or where it holds nothing but one folder, that one.

    Raises:
        UsageError: The name is not one of Kaggle's, or there are no credentials.
        DependencyError: The package `kaggle` is not installed.
        RunError: Kaggle does not have it, or the disk cannot be written.
    """
    folder = output / check_name(data_set, of="data set").partition("/")[2]
    was_there = folder.is_dir()
    if not was_there:
        kaggle = Kaggle.connect()
        part = folder.with_name(f"{folder.name}.part")
        try:
            part.mkdir(parents=True, exist_ok=True)
            kaggle.fetch_data_set(data_set, part, shows_progress=shows_progress)
            for resource_fork in [path for path in part.rglob("._*") if path.is_file()]:  # macOS leaves them
                resource_fork.unlink()
            part.rename(folder)
        except OSError as error:
            raise RunError(
                "cannot write the data set",
                where=folder,
                got=why_not_a_folder(error),
                fix="free space, or choose another folder.",
            ) from error
    return DownloadResult(_only_folder(folder), was_there)


def _only_folder(folder: Path) -> Path:
    inside = list(folder.iterdir())
    return _only_folder(inside[0]) if len(inside) == 1 and inside[0].is_dir() else folder
