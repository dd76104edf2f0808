"""From the evaluations of several runs to paired tests."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import pandas as pd

from medweave.core.errors import RunError, UsageError
from medweave.core.files import write_json
from medweave.evaluation.comparison import COMPARED_METRICS, Comparison, compare
from medweave.evaluation.folder import EvaluationFolder
from medweave.runs.folder import RunFolder

NAMES = ("case_id", "subject_id", "head", "structure")


def run(runs: Sequence[Path], *, split: str = "test", output: Path | None = None) -> Comparison:
    """Compare runs on the cases that all of them were evaluated on.

    Args:
        runs: Two or more evaluated runs (or bundles).
        split: Evaluation to compare: "test", "val" or "external".
        output: JSON file for the comparison; None writes none.

    Raises:
        UsageError: There are fewer than two runs, or one is named twice.
        RunError: A run is not evaluated.
        DataError: The runs have no case in common or were judged against different truths.
    """
    if len({path.resolve() for path in runs}) < max(len(runs), 2):
        raise UsageError("comparing needs two or more different runs", got=", ".join(map(str, runs)) or "none")
    tables = {name: _per_case(path, split) for name, path in zip(_names(runs), runs, strict=True)}
    comparison = compare(tables)
    if output:
        write_json(output, comparison.to_json())
    return comparison


def _names(runs: Sequence[Path]) -> list[str]:
    """Name each run by its folder, or by its whole path where two folders have one name."""
    names = [path.resolve().name for path in runs]
    return names if len(set(names)) == len(names) else [str(path) for path in runs]


def _per_case(path: Path, split: str) -> pd.DataFrame:
    if not path.is_dir():
        raise RunError("run folder not found", where=path, fix="check the path.")
    table = EvaluationFolder(RunFolder(path).evaluation(split)).per_case
    if not table.is_file():
        data = " --data DATA" if split == "external" else f" --split {split}"
        raise RunError(
            "the run is not evaluated", where=table, fix=f"run `medweave evaluate {quote(str(path))}{data}` first."
        )
    try:
        return pd.read_csv(table, usecols=[*NAMES, "truth_ml", *COMPARED_METRICS], dtype=dict.fromkeys(NAMES, str))
    except ValueError as error:
        raise RunError("the table cannot be read", where=table, got=error, fix="evaluate the run again.") from error
