"""report.html: what was measured, how sure it is, and what the best and the worst cases look like."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from medweave.core.files import write_text
from medweave.evaluation.report.charts import distribution_figure, metric_label
from medweave.figures.comparison import comparison_figure
from medweave.figures.page import figure_to_data_uri, render_page, save_figure
from medweave.figures.surface_view import surface_view
from medweave.metrics.mask_metric import METRICS, metric_names
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels, read_label_map

#: With fewer subjects even the widened bootstrap covers clearly less than it says (measured: 89 % at 5, 72 % at 3).
FEW_SUBJECTS = 8
TABLE_COLUMNS = ("dice", "nsd_2mm", "hd95_mm", "assd_mm", "volume_error_ml", "precision", "sensitivity")


@dataclass(frozen=True)
class CaseFiles:
    """The files of one head and case that the report draws.

    Attributes:
        image: On whose grid the label maps lie.
        truth: True label map.
        prediction: Predicted label map.
        spatial_dims: 2 or 3.
    """

    image: Path
    truth: Path
    prediction: Path
    spatial_dims: int


@dataclass(frozen=True)
class SegmentationResults:
    """What an evaluation found for a segmentation head.

    Attributes:
        structures: Label value of each structure.
        table: The head's rows of per_case.csv.
        files: Of every case in the table, by case_id.
    """

    structures: Mapping[str, int]
    table: pd.DataFrame
    files: Mapping[str, CaseFiles]


def write_report(
    folder: Path,
    *,
    summary: Mapping[str, Any],
    results: Mapping[str, SegmentationResults],
    facts: Mapping[str, object],
) -> None:
    """Write report.html and figures/*.png.

    Args:
        folder: Of the evaluation.
        summary: Content of summary.json.
        results: Of each segmentation head that any case has truth for.
        facts: What was judged on what (model, data, split …), by name.
    """
    heads = [_head(folder / "figures", name, found, summary["heads"][name]) for name, found in results.items()]
    page = render_page(
        "report.html.j2",
        summary=summary,
        heads=heads,
        facts=facts,
        is_small=summary["n_subjects"] < FEW_SUBJECTS,
        meanings=[(metric_label(name), METRICS.get(name).meaning) for name in metric_names()],
    )
    write_text(folder / "report.html", page)


def ranked_cases(table: pd.DataFrame) -> dict[str, str]:
    """Choose the worst, the median and the best case by Dice, fewer where there are fewer cases.

    Args:
        table: Rows of per_case.csv of one head.
    """
    dice = table.groupby("case_id")["dice"].mean().sort_index().sort_values(kind="stable")
    chosen = {"worst": dice.index[0], "median": dice.index[(len(dice) - 1) // 2], "best": dice.index[-1]}
    names: dict[str, str] = {}
    for rank, case_id in chosen.items():
        if case_id not in names.values():
            names[rank] = str(case_id)
    return names


def _head(figures: Path, name: str, found: SegmentationResults, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the figures of a head and return what the template shows of it."""
    distribution = distribution_figure(found.table)
    save_figure(distribution, figures / f"{name}_distribution.png")
    table = found.table.sort_values("dice", kind="stable")
    return {
        "name": name,
        "summary": summary,
        "columns": [(metric, metric_label(metric)) for metric in TABLE_COLUMNS],
        "distribution": figure_to_data_uri(distribution),
        "cases": [_case(figures, name, rank, case_id, found) for rank, case_id in ranked_cases(found.table).items()],
        "rows": table.to_dict(orient="records"),
    }


def _case(figures: Path, head: str, rank: str, case_id: str, found: SegmentationResults) -> dict[str, object]:
    """Draw one case, reading its files anew so that only one case is in memory."""
    files = found.files[case_id]
    image = read_channels(files.image, spatial_dims=files.spatial_dims)[0]
    truth, predicted = (
        to_array(read_label_map(path, spatial_dims=files.spatial_dims)) for path in (files.truth, files.prediction)
    )
    grid = Grid.of(image)
    rows = found.table[found.table["case_id"] == case_id]
    title = f"{rank.capitalize()} case: {case_id}, Dice {rows['dice'].mean():.3f}"
    overlay = comparison_figure(to_array(image), predicted, truth, grid=grid, title=title)
    save_figure(overlay, figures / f"{head}_{rank}_{case_id}.png")
    is_volume = files.spatial_dims == 3
    view = surface_view(predicted, truth, structures=found.structures, grid=grid, title=title) if is_volume else ""
    return {"title": title, "overlay": figure_to_data_uri(overlay), "view": view}
