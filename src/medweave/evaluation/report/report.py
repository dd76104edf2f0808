"""report.html: what was measured, how sure it is, and what the best and the worst cases look like."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from medweave.core.files import write_text
from medweave.evaluation.report.classification import (
    ClassificationResults,
    class_metric_meanings,
    classification_section,
)
from medweave.evaluation.report.measurements import AGREEMENT_MEANINGS, measurement_section
from medweave.evaluation.report.segmentation import SegmentationResults, metric_meanings, segmentation_section
from medweave.figures.page import render_page

#: With fewer subjects even the widened bootstrap covers clearly less than it says (measured: 89 % at 5, 72 % at 3).
FEW_SUBJECTS = 8


def write_report(
    folder: Path,
    *,
    summary: Mapping[str, Any],
    segmentations: Mapping[str, SegmentationResults],
    classifications: Mapping[str, ClassificationResults],
    measurements: pd.DataFrame,
    facts: Mapping[str, object],
) -> None:
    """Write report.html and figures/*.png.

    Args:
        folder: Of the evaluation.
        summary: Content of summary.json.
        segmentations: Of each segmentation head that any case has truth for.
        classifications: Of each classification head that any case has truth for.
        measurements: Rows of measurements.csv; none where the model does not measure.
        facts: What was judged on what (model, data, split …), by name.
    """
    figures, heads = folder / "figures", summary["heads"]
    meanings = [*(metric_meanings() if segmentations else []), *(class_metric_meanings() if classifications else [])]
    meanings += AGREEMENT_MEANINGS if summary["measurements"] else []
    page = render_page(
        "report.html.j2",
        summary=summary,
        ensemble=summary.get("ensemble", {"folds": {}, "alarms": {}}),
        segmentations=[
            segmentation_section(figures, name, found, heads[name]) for name, found in segmentations.items()
        ],
        classifications=[
            classification_section(figures, name, found, heads[name]) for name, found in classifications.items()
        ],
        measurements=measurement_section(figures, measurements, summary["measurements"]),
        facts=facts,
        is_small=summary["n_subjects"] < FEW_SUBJECTS,
        meanings=meanings,
    )
    write_text(folder / "report.html", page)
