"""manifest.json: how a run came about."""

import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from medweave.core.errors import DataError
from medweave.core.files import read_json

NEEDED_TO_CONTINUE = {"data_hash", "recipe_hash", "requested_recipe", "status"}
PACKAGES = ("medweave", "torch", "monai", "pytorch-lightning", "SimpleITK", "numpy", "scipy", "onnxruntime")


def describe_environment() -> dict[str, Any]:
    """Return versions, platform and git commit of the code that runs now."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {name: _version(name) for name in PACKAGES},
        "git_commit": _git_commit(Path(__file__).parent),
    }


def new_manifest(
    *, seed: int, device: str, recipe_hash: str, requested_recipe: Mapping[str, Any], data_hash: str
) -> dict[str, Any]:
    """Return the manifest of a run that begins now.

    Args:
        seed: Of the training.
        device: Name of the processor or GPU.
        recipe_hash: Of the recipe as requested, before anything in it is resolved.
        requested_recipe: That recipe.
        data_hash: Of the cases and their contents.
    """
    return {
        **describe_environment(),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": now(),
        "finished": None,
        "status": "running",
        "seed": seed,
        "device": device,
        "recipe_hash": recipe_hash,
        "requested_recipe": requested_recipe,
        "data_hash": data_hash,
    }


def read_manifest(path: Path) -> dict[str, Any]:
    """Read what `new_manifest` returned.

    Raises:
        DataError: The file is absent or is no manifest.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not content.keys() >= NEEDED_TO_CONTINUE:
        raise DataError(
            "not the manifest of a run",
            where=path,
            wanted=f"at least {', '.join(sorted(NEEDED_TO_CONTINUE))}",
            fix="restore the file, or train into a new folder.",
        )
    return content


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit(folder: Path) -> str | None:
    try:
        result = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
