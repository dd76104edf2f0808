"""Rows of predictions.csv: volumes of structures, probabilities of classes, measurements."""

import math
from pathlib import Path
from typing import TypedDict

from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor

COLUMNS = (
    *("case_id", "image", "status", "head", "structure", "volume_ml"),
    *("class", "probability", "measurement", "value", "unit", "reason"),
)

#: A row of predictions.csv; what does not belong to it is absent. (`class` is a word of the language.)
PredictionRow = TypedDict(
    "PredictionRow",
    {
        "case_id": str,
        "image": Path,
        "status": str,
        "head": str,
        "structure": str,
        "volume_ml": float,
        "class": str,
        "probability": float,
        "measurement": str,
        "value": float | None,
        "unit": str,
        "reason": str,
    },
    total=False,
)


def prediction_rows(prediction: Prediction, case: Case, predictor: Predictor) -> list[PredictionRow]:
    """Return a row for each structure, each class and each measurement.

    A measurement that could not be taken is None. The "volume" of a structure in 2D is its area in square centimetres.
    """
    done = PredictionRow(case_id=case.case_id, image=next(iter(case.images.values())), status="done")
    rows: list[PredictionRow] = []
    for head, found in prediction.segmentations.items():
        of_head: PredictionRow = {**done, "image": predictor.image_path(case, head), "head": head}
        unit = "mL" if found.label_map.GetDimension() == 3 else "cm²"
        rows += [
            {**of_head, "structure": structure, "volume_ml": round(volume, 4), "unit": unit}
            for structure, volume in found.volumes_ml.items()
        ]
    for head, answer in prediction.classifications.items():
        rows += [
            {**done, "head": head, "class": name, "probability": round(probability, 6)}
            for name, probability in answer.probabilities.items()
        ]
    rows += [
        {
            **done,
            "measurement": entry.name,
            "value": None if math.isnan(entry.value) else float(f"{entry.value:.6g}"),
            "unit": entry.unit,
        }
        for entry in prediction.measurements
    ]
    return rows
