"""From the evaluations of several runs to paired tests."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import pandas as pd

from medweave.core.errors import RunError, UsageError
from medweave.core.files import write_json
from medweave.evaluation.class_comparison import COLUMNS
from medweave.evaluation.comparison import COMPARED_METRICS, Comparison, compare
from medweave.runs.evaluation_folder import EvaluationFolder
from medweave.runs.folder import RunFolder

NAMES = ("case_id", "subject_id", "head")


def run(runs: Sequence[Path], *, split: str = "test", output: Path | None = None) -> Comparison:
    """Compare runs on the cases that all of them were evaluated on.

    Args:
        runs: Two or more evaluated runs (or bundles).
        split: Evaluation to compare: "test", "val", "folds" or "external".
        output: JSON file for the comparison; None writes none.

    Raises:
        UsageError: There are fewer than two runs, or one is named twice.
        RunError: A run is not evaluated.
        DataError: The runs have no case in common or were judged against different truths.
    """
    if len({path.resolve() for path in runs}) < max(len(runs), 2):
        raise UsageError("comparing needs two or more different runs", got=", ".join(map(str, runs)) or "none")
    names = _names(runs)
    folders = {name: _evaluation(path, split) for name, path in zip(names, runs, strict=True)}
    comparison = compare(
        {name: _scores(folder) for name, folder in folders.items()},
        {name: _answers(folder) for name, folder in folders.items()},
    )
    if output:
        write_json(output, comparison.to_json())
    return comparison


def _names(runs: Sequence[Path]) -> list[str]:
    """Name each run by its folder, or by its whole path where two folders have one name."""
    names = [path.resolve().name for path in runs]
    return names if len(set(names)) == len(names) else [str(path) for path in runs]


def _evaluation(path: Path, split: str) -> EvaluationFolder:
    if not path.is_dir():
        raise RunError("run folder not found", where=path, fix="check the path.")
    folder = EvaluationFolder(RunFolder(path).evaluation(split))
    if not folder.per_case.is_file() and not folder.classifications():
        data = " --data DATA" if split == "external" else f" --split {split}"
        raise RunError(
            "the run is not evaluated",
            where=folder.path,
            fix=f"run `medweave evaluate {quote(str(path))}{data}` first.",
        )
    return folder


def _scores(folder: EvaluationFolder) -> pd.DataFrame:
    """Read the scores of the structures; a run that segments nothing has none."""
    columns = [*NAMES, "structure", "truth_ml", *COMPARED_METRICS]
    if not folder.per_case.is_file():
        return pd.DataFrame(columns=columns)
    return _read(folder.per_case, columns, names=(*NAMES, "structure"))


def _answers(folder: EvaluationFolder) -> pd.DataFrame:
    """Read the answers of every classification head; a run that classifies nothing has none."""
    written = [column for column in COLUMNS if column != "head"]
    tables = [_read(path, written, names=written).assign(head=head) for head, path in folder.classifications().items()]
    return pd.concat(tables) if tables else pd.DataFrame(columns=COLUMNS)


def _read(path: Path, columns: Sequence[str], *, names: Sequence[str]) -> pd.DataFrame:
    """Read columns of a table, those in `names` as text, in which nothing stands for a missing value."""
    try:
        return pd.read_csv(path, usecols=list(columns), dtype=dict.fromkeys(names, str), keep_default_na=False)
    except ValueError as error:
        raise RunError("the table cannot be read", where=path, got=error, fix="evaluate the run again.") from error
