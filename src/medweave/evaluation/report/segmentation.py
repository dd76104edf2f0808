"""What the report shows of a segmentation head."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import SimpleITK as sitk
from matplotlib.figure import Figure

from medweave.evaluation.report.charts import distribution_figure, metric_label
from medweave.figures.comparison import comparison_figure
from medweave.figures.mosaic import MAX_TILES, Tile, mosaic_figure, tile_of
from medweave.figures.page import save_and_embed
from medweave.figures.surface_view import surface_view
from medweave.metrics.mask_metric import METRICS, metric_names
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels, read_label_map

TABLE_COLUMNS = ("dice", "nsd_2mm", "hd95_mm", "assd_mm", "volume_error_ml", "precision", "sensitivity")


@dataclass(frozen=True)
class CaseFiles:
    """The files of one head and case that the report draws.

    Attributes:
        image: On whose grid the label maps lie.
        truth: True label map.
        prediction: Predicted label map.
        spatial_dims: 2 or 3.
        merged_values: What further values of the true label map are read as.
    """

    image: Path
    truth: Path
    prediction: Path
    spatial_dims: int
    merged_values: Mapping[int, int] = field(default_factory=dict)

    def read(self) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
        """Return image (its first channel, in grey), truth and prediction."""
        image = read_channels(self.image, spatial_dims=self.spatial_dims, colour="grey")[0]
        truth = read_label_map(self.truth, spatial_dims=self.spatial_dims, merged_values=self.merged_values)
        return image, truth, read_label_map(self.prediction, spatial_dims=self.spatial_dims)


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


def segmentation_section(
    figures: Path, name: str, found: SegmentationResults, summary: Mapping[str, Any]
) -> dict[str, Any]:
    """Draw the figures of a head and return what the template shows of it.

    Args:
        figures: Folder of the pictures.
        name: Of the head.
        found: Its results.
        summary: Its part of summary.json.
    """
    table, unit = found.table.sort_values("dice", kind="stable"), summary["volume_unit"]
    return {
        "name": name,
        "summary": summary,
        "columns": [(metric, metric_label(metric, unit=unit)) for metric in TABLE_COLUMNS],
        "distribution": save_and_embed(
            distribution_figure(found.table, unit=unit), figures / f"{name}_distribution.png"
        ),
        "mosaic": save_and_embed(_mosaic(name, found), figures / f"{name}_sample_overlays.png"),
        "cases": [_case(figures, name, rank, case_id, found) for rank, case_id in ranked_cases(found.table).items()],
        "rows": table.to_dict(orient="records"),
    }


def metric_meanings() -> list[tuple[str, str]]:
    """Return label and meaning of every metric of a structure."""
    return [(metric_label(name), METRICS.get(name).meaning) for name in metric_names()]


def ranked_cases(table: pd.DataFrame) -> dict[str, str]:
    """Choose the worst, the median and the best case by Dice, fewer where there are fewer cases.

    Args:
        table: Rows of per_case.csv of one head.
    """
    dice = _by_dice(table)
    chosen = {"worst": dice.index[0], "median": dice.index[(len(dice) - 1) // 2], "best": dice.index[-1]}
    names: dict[str, str] = {}
    for rank, case_id in chosen.items():
        if case_id not in names.values():
            names[rank] = str(case_id)
    return names


def spread_cases(table: pd.DataFrame, *, count: int) -> dict[str, float]:
    """Choose cases at equal steps of rank from the worst to the best Dice, which is returned with each.

    Args:
        table: Rows of per_case.csv of one head.
        count: Cases at most.
    """
    dice = _by_dice(table)
    ranks = np.linspace(0, len(dice) - 1, min(count, len(dice))).round().astype(int)
    return {str(dice.index[rank]): float(dice.iloc[rank]) for rank in ranks}


def _by_dice(table: pd.DataFrame) -> pd.Series:
    """Return the mean Dice of each case, the worst first."""
    return table.groupby("case_id")["dice"].mean().sort_index().sort_values(kind="stable")


def _mosaic(head: str, found: SegmentationResults) -> Figure:
    chosen = spread_cases(found.table, count=MAX_TILES)
    tiles = [_tile(found.files[case_id], title=f"{case_id}: {dice:.3f}") for case_id, dice in chosen.items()]
    n_cases = found.table["case_id"].nunique()
    return mosaic_figure(tiles, title=f"{head}: {len(tiles)} of {n_cases} cases, from the lowest to the highest Dice")


def _tile(files: CaseFiles, *, title: str) -> Tile:
    image, truth, predicted = files.read()
    return tile_of(to_array(image), to_array(predicted), to_array(truth), grid=Grid.of(image), title=title)


def _case(figures: Path, head: str, rank: str, case_id: str, found: SegmentationResults) -> dict[str, object]:
    """Draw one case, reading its files anew so that only one case is in memory."""
    files = found.files[case_id]
    image, *label_maps = files.read()
    truth, predicted = (to_array(label_map) for label_map in label_maps)
    grid = Grid.of(image)
    rows = found.table[found.table["case_id"] == case_id]
    title = f"{head}, {rank} case: {case_id}, Dice {rows['dice'].mean():.3f}"
    overlay = comparison_figure(to_array(image), predicted, truth, grid=grid, title=title)
    is_volume = files.spatial_dims == 3
    view = surface_view(predicted, truth, structures=found.structures, grid=grid, title=title) if is_volume else ""
    return {"title": title, "overlay": save_and_embed(overlay, figures / f"{head}_{rank}_{case_id}.png"), "view": view}
