"""Every path of an evaluation, named once."""

from pathlib import Path


class EvaluationFolder:
    """The folder of an evaluation.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.summary = path / "summary.json"
        self.per_case = path / "per_case.csv"
        self.classification_report = path / "classification_report.json"
        self.measurements = path / "measurements.csv"
        self.predictions = path / "predictions"
        self.report = path / "report.html"
        self.figures = path / "figures"

    def classification(self, head: str) -> Path:
        """Return the table of a classification head's answers."""
        return self.path / f"classification_{head}.csv"

    def classifications(self) -> dict[str, Path]:
        """Return the tables that are there, by head."""
        found = sorted(self.path.glob(self.classification("*").name))
        return {path.stem.removeprefix("classification_"): path for path in found}
