"""Whether a run can be continued: refused are a finished one, one without a checkpoint, another recipe, other data."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from medweave.core.errors import RunError
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import read_manifest


def refuse_other_recipe(folder: RunFolder, *, recipe: Mapping[str, Any], recipe_hash: str) -> None:
    """Refuse to continue a run with a recipe that it did not begin with, or that cannot go on.

    Args:
        folder: The run.
        recipe: As requested, before anything in it is resolved.
        recipe_hash: Of that recipe.

    Raises:
        RunError: The recipe is another, or the run is finished or has no checkpoint.
    """
    manifest = read_manifest(folder.manifest)
    if manifest["recipe_hash"] != recipe_hash:
        before, after = _flat(manifest["requested_recipe"]), _flat(recipe)
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        details = "; ".join(f"{key} was {before.get(key)}, is {after.get(key)}" for key in changed[:5])
        raise RunError(
            "the recipe is not the one that the run began with",
            where=folder.path,
            got=details,
            fix="give the same recipe and overrides, or train into a new folder.",
        )
    if not folder.last_checkpoint.is_file():
        raise RunError(
            "the run has no checkpoint to continue from",
            where=folder.last_checkpoint,
            fix="remove the folder and start again without --resume.",
        )
    if manifest["status"] == "finished":
        raise RunError(
            "the run is finished; there is nothing to continue",
            where=folder.path,
            fix=f"judge it with `medweave evaluate {quote(str(folder.path))}`, or train into a new folder.",
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
