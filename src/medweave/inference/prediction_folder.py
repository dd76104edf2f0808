"""The folder of predictions: its files, and which cases are completely done."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from medweave.core.errors import DataError, RunError
from medweave.core.files import atomic_path, claim_output_folder, read_json, write_json
from medweave.data.case import Case
from medweave.inference.rows import PredictionTable


class PredictionFolder:
    """A folder of predictions.

    A case is done when its record, which is written last, is there and names files that are there. The tables are made
    from the records.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifest = path / "manifest.json"
        self.table = path / "predictions.csv"
        self.summary = path / "predictions.json"

    def record(self, case: Case) -> Path:
        """Return the file of the record of a case."""
        return self.path / f"{case.case_id}_prediction.json"

    def claim(self, manifest: Mapping[str, Any], *, resume: bool) -> None:
        """Make the folder for the predictions of a model.

        Args:
            manifest: Of the predictions; `model` says which model.
            resume: Take a folder that holds predictions of this model.

        Raises:
            RunError: The folder holds something else, or cannot be written.
        """
        if resume and self.manifest.is_file():
            before = read_json(self.manifest)
            model = before.get("model") if isinstance(before, dict) else None
            if not isinstance(model, dict) or model.get("sha256") != manifest["model"]["sha256"]:
                raise RunError(
                    "the folder holds predictions of another model",
                    where=self.path,
                    fix="choose a new folder, or give the model that it was begun with.",
                )
        elif self.manifest.is_file():
            raise RunError(
                "the output folder holds predictions",
                where=self.path,
                fix="choose a new folder, or go on with --resume.",
            )
        else:
            claim_output_folder(self.path)
        write_json(self.manifest, manifest)

    def is_done(self, case: Case, *, made_by: Mapping[str, Any]) -> bool:
        """Tell whether a case was answered by this model with these options, and all its files are there."""
        try:
            found = read_json(self.record(case))
        except DataError:
            return False
        images = {name: str(path) for name, path in case.images.items()}
        return (
            isinstance(found, dict)
            and found.get("status") == "done"
            and found.get("made_by") == made_by
            and found.get("images") == images
            and all((self.path / name).is_file() for name in found.get("files", ()))
        )

    def records(self, cases: Iterable[Case]) -> Iterator[dict[str, Any]]:
        """Yield the record of each case, one in memory at a time."""
        for case in cases:
            yield read_json(self.record(case))

    def write_tables(self, cases: list[Case], manifest: Mapping[str, Any]) -> None:
        """Write predictions.csv and predictions.json from the records."""
        table = PredictionTable(self.records(cases))
        with atomic_path(self.table) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
            table.write(self.records(cases), stream)
        with atomic_path(self.summary) as temporary, temporary.open("w", encoding="utf-8") as stream:
            stream.write(json.dumps(manifest, indent=2, allow_nan=False).removesuffix("\n}"))
            stream.write(',\n  "predictions": [')
            for position, record in enumerate(self.records(cases)):
                stream.write(",\n" if position else "\n")
                stream.write(json.dumps(record, allow_nan=False))
            stream.write("\n  ]\n}\n")
