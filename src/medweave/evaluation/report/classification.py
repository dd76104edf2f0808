"""What the report shows of a classification head."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from medweave.evaluation.calibration import reliability
from medweave.evaluation.class_metrics import CLASS_METRICS, Answers
from medweave.evaluation.classification import PATTERN_METRICS, ClassifiedCase, answers_of, predictions_table
from medweave.evaluation.shortcut import CONTROL_METRICS
from medweave.figures.confusion import confusion_figure
from medweave.figures.overlay import overlay_figure
from medweave.figures.page import png_to_data_uri, save_and_embed
from medweave.figures.reliability import reliability_figure
from medweave.figures.threshold_curves import precision_recall_figure, roc_figure
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels

MAX_ERRORS = 6
#: Cases of a head whose attention is shown.
MAX_EXPLAINED = 4
CONTROL_LABELS = {
    "whole_image": "whole image",
    "region_alone": "masked region alone",
    "region_removed": "all but the masked region",
}
#: Name for people and meaning of every metric of summary.json.
METRICS = {
    "accuracy": ("Accuracy", "Share of cases that are answered right; with several labels a case, with all of them."),
    "balanced_accuracy": (
        "Balanced accuracy",
        "Mean recall over the classes, each counting alike; guessing gives 1 divided by their number. "
        "With several labels a case, the mean over the labels of sensitivity and specificity.",
    ),
    "macro_f1": ("Macro F1", "Mean over the classes of F1, the harmonic mean of precision and recall."),
    "weighted_f1": ("Weighted F1", "Mean F1 over the classes, each weighing as many as it has cases."),
    "macro_precision": ("Macro precision", "Mean precision over the classes."),
    "macro_recall": ("Macro recall", "Mean recall over the classes."),
    "roc_auc": (
        "ROC AUC",
        "Chance that a case of a class is given a higher probability of it than a case of another class; mean over the "
        "classes. Guessing gives 0.5.",
    ),
    "pr_auc": (
        "PR AUC",
        "Area under the precision-recall curve (average precision), mean over the classes. Guessing gives the class's "
        "share of the cases.",
    ),
    "ece": (
        "Calibration error (ECE)",
        "How far the share of right answers lies from what the probabilities promise, over 15 bins; 0 is perfect. Few "
        "cases make it look worse than it is; its interval takes that into account.",
    ),
    "ece_uncalibrated": (
        "ECE before calibration",
        "The same without the temperature, which divides the logits and was fitted to the validation cases.",
    ),
    "brier": (
        "Brier score",
        "Squared error of the probabilities, summed over the classes (0 to 2); with several labels a case, averaged "
        "(0 to 1). 0 is perfect.",
    ),
    "precision": ("Precision", "Share of the answers of a class that are right."),
    "recall": ("Recall", "Share of the cases of a class that are found (sensitivity)."),
    "specificity": ("Specificity", "Share of the cases of other classes that are not taken for this one."),
    "f1": ("F1", "Harmonic mean of precision and recall."),
}
SCORES = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "macro_precision",
    "macro_recall",
    "roc_auc",
    "pr_auc",
    "brier",
    "ece",
    "ece_uncalibrated",
)


@dataclass(frozen=True)
class CaseImage:
    """An image of a case for the report.

    Attributes:
        path: Its file.
        spatial_dims: 2 or 3.
    """

    path: Path
    spatial_dims: int


@dataclass(frozen=True)
class ExplainedCase:
    """Where the network looked in a case.

    Attributes:
        case_id: The case.
        head: Classification head.
        class_name: Class that the attention speaks for, the likeliest.
        inside: Share of the attention that lies in what each segmentation head found.
        pictures: The attention over an image of each input that the case has.
    """

    case_id: str
    head: str
    class_name: str
    inside: Mapping[str, float]
    pictures: Sequence[Path]


@dataclass(frozen=True)
class ClassificationResults:
    """What an evaluation found for a classification head.

    Attributes:
        classes: Names, in the order of the answers.
        multi_label: Whether a case may have several classes, or none.
        cases: At least one.
        images: One of each case, by case_id.
        explained: Cases in which it is known where the network looked.
    """

    classes: Sequence[str]
    multi_label: bool
    cases: Sequence[ClassifiedCase]
    images: Mapping[str, CaseImage]
    explained: Sequence[ExplainedCase] = ()


def classification_section(
    figures: Path, name: str, found: ClassificationResults, summary: Mapping[str, Any]
) -> dict[str, Any]:
    """Draw the figures of a head and return what the template shows of it.

    Args:
        figures: Folder of the pictures.
        name: Of the head.
        found: Its results.
        summary: Its part of summary.json.
    """
    answers = answers_of(found.cases, classes=found.classes, multi_label=found.multi_label)
    pictures = {}
    for title, (file, figure) in _figures(name, answers, summary).items():
        pictures[title] = save_and_embed(figure, figures / f"{name}_{file}.png")
    table = predictions_table(found.cases, classes=found.classes, multi_label=found.multi_label)
    table = table.assign(correct=answers.correct).sort_values(["correct", "case_id"], kind="stable")
    return {
        "name": name,
        "summary": summary,
        "scores": [(METRICS[metric][0], summary[metric]) for metric in SCORES],
        "class_columns": [(metric, METRICS[metric][0] if metric in METRICS else metric) for metric in CLASS_METRICS],
        "pattern_columns": [(metric, METRICS[metric][0]) for metric in PATTERN_METRICS],
        "pictures": pictures,
        "n_errors": int((~answers.correct).sum()),
        "control_columns": [(metric, METRICS[metric][0]) for metric in CONTROL_METRICS],
        "controls": [(label, summary["shortcut_control"][control]) for control, label in CONTROL_LABELS.items()]
        if "shortcut_control" in summary
        else [],
        "errors": [
            _error(figures, name, found, answers, position) for position in confident_errors(answers)[:MAX_ERRORS]
        ],
        "attention": _attention(figures, name, found, answers),
        "rows": table.to_dict(orient="records"),
    }


def class_metric_meanings() -> list[tuple[str, str]]:
    """Return label and meaning of every metric of a classification."""
    return list(METRICS.values())


def confident_errors(answers: Answers) -> list[int]:
    """Return the positions of the cases with a wrong answer, the surest first."""
    wrong = answers.predicted != answers.truth
    sureness = np.where(answers.predicted, answers.probabilities, 1 - answers.probabilities)
    worst = np.where(wrong, sureness, 0).max(axis=1)
    return [int(position) for position in np.argsort(-worst, kind="stable") if wrong[position].any()]


def hardest_cases(answers: Answers) -> list[int]:
    """Return the positions of all cases: the wrong answers, the surest first, then the right ones, the surest last."""
    wrong = confident_errors(answers)
    of_truth = np.where(answers.truth, answers.probabilities, 1 - answers.probabilities).min(axis=1)
    known = set(wrong)
    return [*wrong, *(int(position) for position in np.argsort(of_truth, kind="stable") if position not in known)]


def _figures(name: str, answers: Answers, summary: Mapping[str, Any]) -> dict[str, tuple[str, Figure]]:
    """Return file and figure by what it shows."""
    bins = reliability(answers.probabilities, answers.truth, multi_label=answers.multi_label)
    areas = {
        metric: {label: facts[metric]["mean"] for label, facts in summary["per_class"].items()}
        for metric in ("roc_auc", "pr_auc")
    }
    figures = {
        "ROC curves": ("roc_curves", roc_figure(answers.truth, answers.probabilities, areas=areas["roc_auc"])),
        "Precision and recall": (
            "precision_recall_curves",
            precision_recall_figure(answers.truth, answers.probabilities, areas=areas["pr_auc"]),
        ),
        "Calibration": (
            "calibration",
            reliability_figure(
                bins.edges,
                bins.counts,
                bins.confidence,
                bins.accuracy,
                title=f"Calibration: ECE {summary['ece']['mean']:.3f}",
            ),
        ),
    }
    matrix = confusion_figure(np.array(summary["confusion_matrix"]), classes=answers.classes, title=name)
    return {"Confusion matrix": ("confusion_matrix", matrix), **figures}


def _error(
    figures: Path, head: str, found: ClassificationResults, answers: Answers, position: int
) -> dict[str, object]:
    """Draw a case that was answered wrong, reading its image anew so that only one is in memory."""
    case = found.cases[position]
    chosen = [name for name, is_chosen in zip(answers.classes, answers.predicted[position], strict=True) if is_chosen]
    return {
        "case_id": case.case_id,
        "picture": save_and_embed(_picture(found, case.case_id), figures / f"{head}_error_{case.case_id}.png"),
        "probabilities": [
            {
                "name": name,
                "value": case.probabilities[name],
                "is_true": name in case.truth,
                "is_chosen": name in chosen,
            }
            for name in answers.classes
        ],
    }


def _picture(found: ClassificationResults, case_id: str) -> Figure:
    image = found.images[case_id]
    pixels = read_channels(image.path, spatial_dims=image.spatial_dims, colour="grey")[0]
    return overlay_figure(
        to_array(pixels),
        None,
        spacing_mm=pixels.GetSpacing(),
        orientation=Grid.of(pixels).orientation,
        structures={},
        title=case_id,
    )


def _attention(figures: Path, head: str, found: ClassificationResults, answers: Answers) -> list[dict[str, object]]:
    """Return picture and attention of the hardest of the explained cases."""
    explained = {case.case_id: case for case in found.explained}
    hardest = [
        found.cases[position] for position in hardest_cases(answers) if found.cases[position].case_id in explained
    ]
    return [
        {
            "case_id": case.case_id,
            "class_name": explained[case.case_id].class_name,
            "truth": ", ".join(case.truth) or "none",
            "inside": explained[case.case_id].inside,
            "picture": save_and_embed(_picture(found, case.case_id), figures / f"{head}_explained_{case.case_id}.png"),
            "overlays": [png_to_data_uri(path.read_bytes()) for path in explained[case.case_id].pictures],
        }
        for case in hardest[:MAX_EXPLAINED]
    ]
