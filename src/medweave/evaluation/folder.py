"""Every path of an evaluation, named once, and the files that are written there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medweave.core.files import write_json
from medweave.evaluation.agreement import measurement_table
from medweave.evaluation.classification import classification_report, predictions_table
from medweave.evaluation.evaluator import per_case_table
from medweave.evaluation.judging import Judgement
from medweave.evaluation.report.classification import ClassificationResults
from medweave.evaluation.report.report import write_report
from medweave.evaluation.report.segmentation import SegmentationResults


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

    def classification(self, head: str) -> Path:
        """Return the table of a classification head's answers."""
        return self.path / f"classification_{head}.csv"

    def classifications(self) -> dict[str, Path]:
        """Return the tables that are there, by head."""
        found = sorted(self.path.glob(self.classification("*").name))
        return {path.stem.removeprefix("classification_"): path for path in found}

    def write(self, found: Judgement, *, summary: Mapping[str, Any], facts: Mapping[str, object]) -> None:
        """Write the summary, the tables and the report; what no case has truth for has no table.

        Args:
            found: The judged cases.
            summary: Content of summary.json.
            facts: What was judged on what, by name.
        """
        write_json(self.summary, summary)
        segmentations, classifications = _segmentation_results(found), _classification_results(found)
        if segmentations:
            per_case_table(found.scores).to_csv(self.per_case, index=False)
        for head, of in classifications.items():
            table = predictions_table(of.cases, classes=of.classes, multi_label=of.multi_label)
            table.to_csv(self.classification(head), index=False)
        if classifications:
            reports = {
                head: classification_report(of.cases, classes=of.classes, multi_label=of.multi_label)
                for head, of in classifications.items()
            }
            write_json(self.classification_report, reports)
        measurements = measurement_table(found.measured)
        if found.measured:
            measurements.to_csv(self.measurements, index=False)
        write_report(
            self.path,
            summary=summary,
            segmentations=segmentations,
            classifications=classifications,
            measurements=measurements,
            facts=facts,
        )


def _segmentation_results(found: Judgement) -> dict[str, SegmentationResults]:
    return {
        head: SegmentationResults(
            structures=info.structures,
            table=per_case_table(scores),
            files={case_id: files for (case_id, of), files in found.files.items() if of == head},
        )
        for head, info in found.segmentation_heads.items()
        if (scores := [case for case in found.scores if case.head == head])
    }


def _classification_results(found: Judgement) -> dict[str, ClassificationResults]:
    return {
        head: ClassificationResults(
            info.classes,
            info.multi_label,
            cases,
            found.images,
            explained=[case for case in found.explained if case.head == head],
        )
        for head, info in found.classification_heads.items()
        if (cases := [case for case in found.classified if case.head == head])
    }
