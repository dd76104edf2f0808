"""ensemble.json: which runs belong together, and which cases each of them left out of its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medweave.core.errors import RunError
from medweave.core.files import read_json, write_json


@dataclass(frozen=True)
class Ensemble:
    """Runs of one recipe on the folds of one data set.

    Attributes:
        folds: Validation cases of each run, by the name of its folder in that of the ensemble.
    """

    folds: Mapping[str, tuple[str, ...]]

    def save(self, path: Path) -> None:
        """Write ensemble.json."""
        members = [{"run": name, "validation_cases": list(case_ids)} for name, case_ids in self.folds.items()]
        write_json(path, {"members": members})

    @classmethod
    def load(cls, path: Path) -> "Ensemble":
        """Read ensemble.json.

        Raises:
            DataError: The file is absent or not JSON.
            RunError: It says nothing of runs.
        """
        content = read_json(path)
        try:
            folds = {str(member["run"]): tuple(member["validation_cases"]) for member in content["members"]}
        except (KeyError, TypeError) as error:
            raise RunError("not an ensemble of runs", where=path, got=error, fix="restore the file.") from error
        if len(folds) < 2 or any(Path(name).name != name for name in folds):
            raise RunError(
                "not an ensemble of runs",
                where=path,
                got=f"the runs {', '.join(folds) or 'none'}",
                wanted="two or more folders beside this file",
                fix="restore the file.",
            )
        return cls(folds)
