"""From label maps to a head's part of summary.json: each case is scored in its own grid, then averaged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.evaluation.statistics import cluster_bootstrap_mean
from medweave.metrics.mask_metric import METRICS, MaskPair, metric_names
from medweave.metrics.overlap import mean_dice
from medweave.preprocessing.geometry import Grid


@dataclass(frozen=True)
class StructureScores:
    """How well one structure of one case was found.

    Attributes:
        metrics: Value of every registered metric.
        missed: Whether there is something to find and nothing was predicted.
        truth_ml: True volume (in 2D: area in square centimetres).
        predicted_ml: Predicted volume (in 2D: area in square centimetres).
        volume_unit: Unit of both and of the errors of volume, "mL" or "cm²".
    """

    metrics: Mapping[str, float]
    missed: bool
    truth_ml: float
    predicted_ml: float
    volume_unit: str


@dataclass(frozen=True)
class CaseScores:
    """The scores of one segmentation head on one case that has truth for it.

    Attributes:
        case_id: The case.
        subject_id: Its subject.
        head: The head.
        structures: Scores by structure.
    """

    case_id: str
    subject_id: str
    head: str
    structures: Mapping[str, StructureScores]


def score_case(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8], *, structures: Mapping[str, int], grid: Grid
) -> dict[str, StructureScores]:
    """Score every structure of a label map; the background is none.

    Args:
        predicted: Label map (x, y[, z]).
        truth: Label map of the same shape.
        structures: Label value of each structure.
        grid: The grid of both.

    Raises:
        DataError: The shapes differ.
    """
    if not predicted.shape == truth.shape == grid.size_voxels:
        raise DataError(
            "prediction and truth lie on different grids",
            got=f"{predicted.shape} and {truth.shape} voxels",
            wanted=grid.size_voxels,
            fix="give a label map drawn on this image.",
        )
    metrics = {name: METRICS.get(name) for name in metric_names()}
    scores = {}
    for structure, value in structures.items():
        pair = MaskPair(predicted == value, truth == value, grid)
        scores[structure] = StructureScores(
            metrics={name: metric(pair) for name, metric in metrics.items()},
            missed=pair.is_missed,
            truth_ml=pair.truth_ml,
            predicted_ml=pair.predicted_ml,
            volume_unit=grid.volume_unit,
        )
    return scores


def per_case_table(scores: Sequence[CaseScores]) -> pd.DataFrame:
    """Return the rows of per_case.csv: one for each case, head and structure."""
    return pd.DataFrame(
        [
            {
                "case_id": case.case_id,
                "subject_id": case.subject_id,
                "head": case.head,
                "structure": structure,
                **found.metrics,
                "missed": found.missed,
                "truth_ml": found.truth_ml,
                "predicted_ml": found.predicted_ml,
                "volume_unit": found.volume_unit,
            }
            for case in scores
            for structure, found in case.structures.items()
        ]
    )


def case_dice(case: CaseScores) -> float:
    """Return the mean Dice over the structures of a case."""
    return mean_dice({name: found.metrics["dice"] for name, found in case.structures.items()})


def summarise_segmentation(cases: Sequence[CaseScores], *, n_part_cases: int, seed: int = 0) -> dict[str, Any]:
    """Return a segmentation head's part of summary.json; without any truth it holds the counts alone.

    Args:
        cases: Of one head.
        n_part_cases: Cases of the part with and without truth.
        seed: Of the intervals' resampling.
    """
    facts = {"kind": "segmentation", "n_cases": len(cases), "n_without_truth": n_part_cases - len(cases)}
    if not cases:
        return {**facts, "mean_dice": None, "structures": {}}
    subjects = [case.subject_id for case in cases]
    dice = cluster_bootstrap_mean([case_dice(case) for case in cases], subjects, seed=seed)
    return {
        **facts,
        "volume_unit": next(iter(cases[0].structures.values())).volume_unit,
        "mean_dice": {"mean": dice.mean, "ci95": dice.ci95, "n": dice.n},
        "structures": {
            structure: _summarise_structure([case.structures[structure] for case in cases], subjects, seed=seed)
            for structure in cases[0].structures
        },
    }


def _summarise_structure(scores: Sequence[StructureScores], subjects: Sequence[str], *, seed: int) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for name in scores[0].metrics:
        values = np.array([found.metrics[name] for found in scores])
        interval = cluster_bootstrap_mean(values, subjects, seed=seed)
        worst = METRICS.get(name).worst_of(values)
        summary[name] = {"mean": interval.mean, "ci95": interval.ci95, "worst": worst, "n": interval.n}
    return {**summary, "missed": sum(found.missed for found in scores)}
