"""The files of an evaluation."""

from collections.abc import Mapping
from typing import Any

from medweave.core.files import write_json
from medweave.evaluation.agreement import measurement_table
from medweave.evaluation.classification import classification_report, predictions_table
from medweave.evaluation.evaluator import per_case_table
from medweave.evaluation.judging import Judgement
from medweave.evaluation.report.classification import ClassificationResults
from medweave.evaluation.report.report import write_report
from medweave.evaluation.report.segmentation import SegmentationResults
from medweave.runs.evaluation_folder import EvaluationFolder


def write_evaluation(
    folder: EvaluationFolder, found: Judgement, *, summary: Mapping[str, Any], facts: Mapping[str, object]
) -> None:
    """Write the summary, the tables and the report; what no case has truth for has no table.

    Args:
        folder: Where they go.
        found: The judged cases.
        summary: Content of summary.json.
        facts: What was judged on what, by name.
    """
    write_json(folder.summary, summary)
    segmentations, classifications = _segmentation_results(found), _classification_results(found)
    if segmentations:
        per_case_table(found.scores).to_csv(folder.per_case, index=False)
    for head, of in classifications.items():
        table = predictions_table(of.cases, classes=of.classes, multi_label=of.multi_label)
        table.to_csv(folder.classification(head), index=False)
    if classifications:
        reports = {
            head: classification_report(of.cases, classes=of.classes, multi_label=of.multi_label)
            for head, of in classifications.items()
        }
        write_json(folder.classification_report, reports)
    measurements = measurement_table(found.measured)
    if found.measured:
        measurements.to_csv(folder.measurements, index=False)
    write_report(
        folder.path,
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
