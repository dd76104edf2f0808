"""What the report shows of the measurements."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from medweave.figures.agreement import MeasuredPairs, agreement_figure
from medweave.figures.page import save_and_embed
from medweave.measurements.measurement import measurement_label

#: Measurements that are drawn; a set names the most important first.
MAX_DRAWN = 12

#: Name and meaning of what the table holds.
AGREEMENT_MEANINGS = [
    ("Bias", "Mean of predicted minus true measurement: above zero is too large."),
    ("Limits of agreement", "95 % of the differences lie between them if they are normal (Bland and Altman 1986)."),
    ("Absolute error", "Mean size of the difference, whatever its sign."),
    ("Correlation", "Pearson's, of predicted and true measurement; high even where all are too large by one factor."),
]


def measurement_section(figures: Path, table: pd.DataFrame, summary: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Draw how the first measurements agree and return what the template shows.

    Args:
        figures: Folder of the pictures.
        table: Rows of measurements.csv.
        summary: `measurements` of summary.json.
    """
    known = table.dropna(subset=["predicted", "truth"])
    drawn = [
        MeasuredPairs(
            title=measurement_label(name),
            unit=summary[name]["unit"],
            predicted=rows["predicted"].to_numpy(float),
            truth=rows["truth"].to_numpy(float),
            limits=summary[name]["limits"],
        )
        for name in list(summary)[:MAX_DRAWN]
        if len(rows := known[known["measurement"] == name])
    ]
    return {
        "rows": [{"label": measurement_label(name), **found} for name, found in summary.items()],
        "picture": save_and_embed(agreement_figure(drawn), figures / "measurement_agreement.png") if drawn else None,
    }
