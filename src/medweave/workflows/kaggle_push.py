"""From a recipe to a kernel that trains it at Kaggle."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from medweave import __version__
from medweave.core.errors import UsageError
from medweave.core.files import claim_output_folder, write_json, write_text
from medweave.integrations.kaggle import Kaggle, PushedKernel, check_name
from medweave.recipes.loader import dump_recipe, load_recipe
from medweave.workflows import check
from medweave.workflows.kaggle_pull import RUN_NAME

#: What pip installs in the kernel, whose image brings a PyTorch for its GPU.
REQUIREMENTS = (f"medweave[train]=={__version__}",)
#: Kaggle's own choice is a P100, for which current builds of PyTorch have no kernels.
GPU = "NvidiaTeslaT4"
#: Longest title that Kaggle takes.
MAX_TITLE = 50
CODE_FILE = "train.py"

#: Kaggle takes one file of a kernel, so the recipe stands in it.
_SCRIPT = Template(
    '''"""Trains a recipe on Kaggle; written by `medweave kaggle push`."""

import subprocess
import sys
from pathlib import Path

RECIPE = """\\
$recipe"""
REQUIREMENTS = $requirements
TRAIN = $train

Path("recipe.yaml").write_text(RECIPE, encoding="utf-8")
subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
subprocess.run([sys.executable, "-m", "medweave", "--verbose", "kaggle", "train", *TRAIN], check=True)
'''
)


@dataclass(frozen=True)
class Push:
    """What a push left.

    Attributes:
        folder: The kernel's folder.
        kernel: OWNER/NAME.
        pushed: What Kaggle says of it; None in a dry run.
    """

    folder: Path
    kernel: str
    pushed: PushedKernel | None


def run(
    recipe_source: str | Path,
    *,
    data_set: str,
    output: Path,
    data_folder: str | None = None,
    kernel: str | None = None,
    gpu: str = GPU,
    requirements: Sequence[str] = REQUIREMENTS,
    overrides: Sequence[str] = (),
    dry_run: bool = False,
) -> Push:
    """Write the folder of a kernel that trains a recipe, and push it, which starts it.

    Args:
        recipe_source: Library name or file.
        data_set: OWNER/NAME at Kaggle.
        output: New folder for the kernel.
        data_folder: Folder inside the data set; None finds it by the recipe's layout.
        kernel: OWNER/NAME; None takes the account and the recipe's name (in a dry run the data set's owner).
        gpu: Kaggle's name of the accelerator.
        requirements: What pip installs in the kernel.
        overrides: Each `dotted.key=value`; they become part of the kernel's recipe.
        dry_run: Only write the folder, which needs neither an account nor the network.

    Raises:
        RecipeError: The recipe has problems.
        UsageError: A name is not one of Kaggle's, or there are no credentials.
        DependencyError: The package `kaggle` is not installed.
        RunError: The folder cannot be written, or Kaggle does not take the kernel.
    """
    check_name(data_set, of="data set")
    check.run(recipe_source, data=None, overrides=overrides)
    recipe = load_recipe(recipe_source, overrides)
    kaggle = None if dry_run else Kaggle.connect()
    owner = kaggle.user if kaggle else data_set.partition("/")[0]
    kernel = check_name(kernel or f"{owner}/{_slug(f'medweave-{recipe.name}')}", of="kernel")
    metadata = _metadata(kernel, data_set=data_set, gpu=gpu)
    claim_output_folder(output)
    train = ["recipe.yaml", "--data", data_set, "--output", RUN_NAME]
    train += ["--folder", data_folder] if data_folder else []
    script = _script(dump_recipe(recipe), requirements=requirements, train=train)
    write_text(output / CODE_FILE, script)
    write_json(output / "kernel-metadata.json", metadata)
    return Push(output, kernel, kaggle.push(output) if kaggle else None)


def _metadata(kernel: str, *, data_set: str, gpu: str) -> dict[str, object]:
    """Return what Kaggle wants to know of a kernel; it makes the address of the title."""
    title = kernel.partition("/")[2].replace("-", " ")
    if not 5 <= len(title) <= MAX_TITLE:
        raise UsageError(
            "Kaggle does not take a kernel's name of this length",
            got=f"{title!r}, {len(title)} characters",
            wanted=f"5 to {MAX_TITLE}",
            fix="name it with --kernel OWNER/NAME.",
        )
    return {
        "id": kernel,
        "title": title,
        "code_file": CODE_FILE,
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": True,
        "machine_shape": gpu,
        "enable_tpu": False,
        "enable_internet": True,
        "dataset_sources": [data_set],
        "competition_sources": [],
        "kernel_sources": [],
    }


def _script(recipe: str, *, requirements: Sequence[str], train: Sequence[str]) -> str:
    quoted = recipe.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return _SCRIPT.substitute(recipe=quoted, requirements=json.dumps(list(requirements)), train=json.dumps(list(train)))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_TITLE].strip("-")
