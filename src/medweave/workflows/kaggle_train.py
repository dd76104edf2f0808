"""Training on a machine of Kaggle's: the data are found where they are attached, the run gets checksums to travel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from medweave.building.layout import build_layout
from medweave.core.errors import DataError
from medweave.data.layouts.layout import Layout
from medweave.data.split import Split
from medweave.integrations.kaggle import check_name
from medweave.runs.checksums import write_checksums
from medweave.workflows import check, evaluate, train
from medweave.workflows.study import OnProgress
from medweave.workflows.train import TrainingResult

#: Where Kaggle attaches data sets.
INPUT = Path("/kaggle/input")
#: Folders that are looked into below a data set's own: an archive's folder, and one or two inside it.
DEPTH = 4


def run(
    recipe_source: str | Path,
    *,
    data_set: str,
    output: Path,
    data_folder: str | None = None,
    input_root: Path = INPUT,
    overrides: Sequence[str] = (),
    on_progress: OnProgress = lambda _stage, _done, _total: None,
) -> TrainingResult:
    """Train a recipe on an attached data set, evaluate the run, and write its checksums.

    The evaluation belongs here, because the data do not travel back with the run.

    Args:
        recipe_source: Library name or file.
        data_set: OWNER/NAME.
        output: Run folder.
        data_folder: Folder inside the data set; None finds it by the recipe's layout.
        input_root: Where data sets are attached.
        overrides: Each `dotted.key=value`.
        on_progress: Called as cases are read and preprocessed.

    Raises:
        RecipeError: The recipe has problems.
        DataError: The data set is not attached, or cannot be trained on.
        RunError: The output folder is taken, or the training was interrupted.
    """
    layout = build_layout(check.run(recipe_source, data=None, overrides=overrides).data.layout)
    data = find_data(layout, data_set=data_set, data_folder=data_folder, input_root=input_root)
    result = train.run(recipe_source, data=data, output=output, overrides=overrides, on_progress=on_progress)
    part: Literal["test", "val"] = "test" if Split.load(result.run.split).part("test") else "val"
    evaluate.run(output, split=part, on_progress=lambda done, total: on_progress("evaluating", done, total))
    write_checksums(result.run)
    return result


def find_data(layout: Layout, *, data_set: str, data_folder: str | None, input_root: Path) -> Path:
    """Return the one folder of an attached data set that has a layout, the one nearest to its root.

    Args:
        layout: How it is arranged.
        data_set: OWNER/NAME.
        data_folder: Folder inside the data set, or None.
        input_root: Where data sets are attached, as NAME or as datasets/OWNER/NAME.

    Raises:
        DataError: The data set is not attached, or no folder or several have the layout.
    """
    owner, _, name = check_name(data_set, of="data set").partition("/")
    mounts = (input_root / name, input_root / "datasets" / owner / name)
    root = next((mount / (data_folder or "") for mount in mounts if (mount / (data_folder or "")).is_dir()), None)
    if root is None:
        raise DataError(
            "the data set is not attached here",
            where=f"{data_set}/{data_folder}" if data_folder else data_set,
            wanted=" or ".join(str(mount) for mount in mounts),
            fix="attach it to the kernel, as `medweave kaggle push --data` does.",
        )
    level = [root]
    for _ in range(DEPTH):
        found = [folder for folder in level if layout.matches(folder)]
        if len(found) > 1:
            names = ", ".join(folder.relative_to(root).as_posix() for folder in found)
            raise DataError(
                "several folders of the data set fit", where=root, got=names, fix="name one of them with --folder."
            )
        if found:
            return found[0]
        level = sorted(inner for folder in level for inner in folder.iterdir() if inner.is_dir())
    raise DataError(
        "no folder of the data set has the recipe's layout", where=root, fix=f"arrange it like this:\n{layout.tree}"
    )
