"""How measurements in predicted masks agree with the same measurements in true ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medweave.evaluation.statistics import cluster_bootstrap_mean
from medweave.measurements.measurement import Measurement

#: Half the width of the limits of agreement in standard deviations: they hold 95 % of normal differences.
LIMITS_DEVIATIONS = 1.96


@dataclass(frozen=True)
class MeasuredCase:
    """A case measured in its predicted and in its true masks.

    Attributes:
        case_id: The case.
        subject_id: Its subject.
        predicted: Measurements in the predicted masks.
        truth: The same in the true ones; empty where there are none.
    """

    case_id: str
    subject_id: str
    predicted: Sequence[Measurement]
    truth: Sequence[Measurement] = ()


def measurement_table(cases: Sequence[MeasuredCase]) -> pd.DataFrame:
    """Return the rows of measurements.csv: one for each case and measurement, NaN where it could not be taken."""
    rows = []
    for case in cases:
        truth = {found.name: found.value for found in case.truth}
        rows += [
            {
                "case_id": case.case_id,
                "subject_id": case.subject_id,
                "measurement": found.name,
                "unit": found.unit,
                "predicted": found.value,
                "truth": truth.get(found.name, np.nan),
            }
            for found in case.predicted
        ]
    return pd.DataFrame(rows, columns=["case_id", "subject_id", "measurement", "unit", "predicted", "truth"])


def summarise_agreement(table: pd.DataFrame, *, seed: int = 0) -> dict[str, dict[str, Any]]:
    """Return bias, limits of agreement (Bland and Altman, Lancet 1986) and correlation of each measurement.

    Args:
        table: Rows of measurements.csv.
        seed: Of the intervals' resampling.

    Returns:
        By measurement: `unit`; `n` cases measured in both; `n_unmeasured`, in the truth alone; `bias` (predicted minus
        true) and `absolute_error` with intervals clustered by subject; `limits`; `correlation` (Pearson's);
        `true_mean`. What is undefined is None.
    """
    known = table[table["truth"].notna()]
    return {str(name): _summarise(rows, seed=seed) for name, rows in known.groupby("measurement", sort=False)}


def _summarise(rows: pd.DataFrame, *, seed: int) -> dict[str, Any]:
    both = rows[rows["predicted"].notna()]
    predicted, truth = both["predicted"].to_numpy(float), both["truth"].to_numpy(float)
    counts = {"unit": str(rows["unit"].iloc[0]), "n": len(both), "n_unmeasured": len(rows) - len(both)}
    if not len(both):
        return {**counts, **dict.fromkeys(("bias", "absolute_error", "limits", "correlation", "true_mean"))}
    difference, subjects = predicted - truth, both["subject_id"].tolist()
    return {
        **counts,
        "bias": _mean(difference, subjects, seed=seed),
        "absolute_error": _mean(np.abs(difference), subjects, seed=seed),
        "limits": limits_of_agreement(difference),
        "correlation": _correlation(predicted, truth),
        "true_mean": float(truth.mean()),
    }


def limits_of_agreement(difference: NDArray[np.float64]) -> list[float] | None:
    """Return the ends of the range that holds 95 % of the differences if they are normal; None for a single one."""
    if len(difference) < 2:
        return None
    half = LIMITS_DEVIATIONS * difference.std(ddof=1)
    return [float(difference.mean() - half), float(difference.mean() + half)]


def _mean(values: NDArray[np.float64], subjects: Sequence[str], *, seed: int) -> dict[str, Any]:
    interval = cluster_bootstrap_mean(values, subjects, seed=seed)
    return {"mean": interval.mean, "ci95": interval.ci95}


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    is_defined = len(first) > 2 and np.ptp(first) > 0 and np.ptp(second) > 0
    return float(np.corrcoef(first, second)[0, 1]) if is_defined else None
