"""Whether a run can be continued: refused are one that has ended or not begun, other folds, recipes and data."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from medweave.core.errors import RunError
from medweave.core.logging import get_logger
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import read_manifest

logger = get_logger(__name__)


def refuse_other_recipe(folder: RunFolder, *, recipe: Mapping[str, Any], recipe_hash: str) -> None:
    """Refuse to continue a run with a recipe that it did not begin with.

    Args:
        folder: The run.
        recipe: As requested, before anything in it is resolved.
        recipe_hash: Of that recipe.

    Raises:
        RunError: The recipe is another.
    """
    manifest = read_manifest(folder.manifest)
    if manifest["recipe_hash"] != recipe_hash:
        before, after = _flat(manifest["requested_recipe"]), _flat(recipe)
        old, new = ({key: recipe.get(key, "not there") for key in {**before, **after}} for recipe in (before, after))
        details = "; ".join([f"{key} was {old[key]}, is {new[key]}" for key in new if old[key] != new[key]][:5])
        raise RunError(
            "the recipe is not the one that the run began with",
            where=folder.path,
            got=details,
            fix="give the same recipe and overrides, or train into a new folder.",
        )


def refuse_without_checkpoint(folder: RunFolder) -> None:
    """Refuse to continue a run that did not end its first epoch.

    Raises:
        RunError: There is no checkpoint.
    """
    if not folder.last_checkpoint.is_file():
        raise RunError(
            "the run has no checkpoint to continue from",
            where=folder.last_checkpoint,
            fix="remove the folder and start again without --resume.",
        )


def refuse_finished(folder: RunFolder) -> None:
    """Refuse to continue a run that is complete.

    Raises:
        RunError: It is.
    """
    if is_finished(folder):
        raise RunError(
            "the run is finished; there is nothing to continue",
            where=folder.path,
            fix=f"judge it with `medweave evaluate {quote(str(folder.path))}`, or train into a new folder.",
        )


def is_finished(folder: RunFolder) -> bool:
    """Tell whether a training reached its end; a folder without a manifest holds none that did."""
    return folder.manifest.is_file() and read_manifest(folder.manifest)["status"] == "finished"


def warn_of_unfinished(folder: RunFolder) -> None:
    """Say in a warning that a training has not reached its end."""
    if folder.manifest.is_file() and not is_finished(folder):
        logger.warning(
            "the training of %s has not ended, so the weights are those of its best epoch so far; "
            "the command that began it and --resume continue it",
            folder.path,
        )


def refuse_unfinished_folds(folder: RunFolder) -> None:
    """Refuse to use an ensemble of which a run is not complete.

    Raises:
        RunError: A run has not reached its end.
    """
    names = Ensemble.load(folder.ensemble).folds
    missing = [name for name in names if not is_finished(folder.member(name))]
    if missing or not is_finished(folder):
        raise RunError(
            "the ensemble is not complete",
            where=folder.path,
            got=f"{len(names) - len(missing)} of {len(names)} folds finished",
            fix="continue it with the command that began it and --resume.",
        )


def refuse_other_folds(folder: RunFolder, n_folds: int | None) -> None:
    """Refuse to continue a run with a number of folds that it did not begin with.

    Args:
        folder: The run.
        n_folds: Folds asked for; None asks for a single run.

    Raises:
        RunError: The run has other folds, or is itself a fold of an ensemble.
    """
    above = RunFolder(folder.path.resolve().parent)
    if n_folds is None and above.is_ensemble:
        raise RunError(
            "this run is a fold of an ensemble",
            where=folder.path,
            fix=f"continue the ensemble, {quote(str(above.path))}, with --folds and --resume.",
        )
    recorded = len(Ensemble.load(folder.ensemble).folds) if folder.is_ensemble else None
    if recorded != n_folds:
        raise RunError(
            "the run began with other folds",
            where=folder.path,
            got=f"--folds {n_folds}" if n_folds else "no --folds",
            wanted=f"--folds {recorded}" if recorded else "no --folds",
            fix="continue it as it began, or train into a new folder.",
        )


def refuse_other_data(folder: RunFolder, data_hash: str, *, where: Path) -> None:
    """Refuse to continue a run with data that it did not begin with.

    Args:
        folder: The run.
        data_hash: Of the cases and their contents.
        where: The data folder.

    Raises:
        RunError: The data are others.
    """
    recorded = read_manifest(folder.manifest)["data_hash"]
    if recorded != data_hash:
        raise RunError(
            "the data are not those that the run began with",
            where=where,
            got=f"content hash {data_hash[:12]}",
            wanted=recorded[:12],
            fix="give the run's own data, or start a new run.",
        )


def _flat(content: object, prefix: str = "") -> dict[str, object]:
    if isinstance(content, dict):
        return {key: value for name, part in content.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
    return {prefix.rstrip("."): content}
