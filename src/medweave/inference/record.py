"""prediction.json: everything that was answered to a case, as plain values."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor

#: Written where nobody told the class of a case.
UNKNOWN = "unknown"


def done_record(
    prediction: Prediction, case: Case, predictor: Predictor, *, files: Sequence[Path], made_by: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the record of a case that was answered.

    Probabilities have 6 decimals and volumes 4. The "volume" of a structure in 2D is its area in square centimetres. A
    measurement that could not be taken is None. Standard deviations are absent with one member.

    Args:
        prediction: The answers.
        case: Its files, and its true classes where they are known.
        predictor: What predicted.
        files: That were written for the case, from the folder of predictions, without this record.
        made_by: The model, its version and the options.
    """
    return {
        **_begin(case, made_by),
        "status": "done",
        "missing_inputs": list(prediction.missing_inputs),
        "members": prediction.members,
        "warnings": [warning.to_json() for warning in prediction.warnings],
        "segmentations": {
            head: {
                "image": str(predictor.image_path(case, head)),
                "unit": found.unit,
                "structures": {
                    name: _with_deviation(name, volume, found.volume_deviations_ml, key="volume", digits=4)
                    for name, volume in found.volumes_ml.items()
                },
            }
            for head, found in prediction.segmentations.items()
        },
        "classifications": {
            head: {
                "true_class": _true_class(predictor, case, head),
                "pred_class": "|".join(answer.classes),
                "entropy_bits": round(answer.entropy_bits, 6),
                "classes": {
                    name: _with_deviation(name, probability, answer.deviations, key="probability", digits=6)
                    for name, probability in answer.probabilities.items()
                },
            }
            for head, answer in prediction.classifications.items()
        },
        "measurements": [
            {
                "name": entry.name,
                "value": None if math.isnan(entry.value) else float(f"{entry.value:.6g}"),
                "unit": entry.unit,
            }
            for entry in prediction.measurements
        ],
        "files": [path.as_posix() for path in files],
    }


def failed_record(case: Case, reason: str, *, made_by: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record of a case that could not be answered."""
    return {**_begin(case, made_by), "status": "failed", "reason": reason}


def _begin(case: Case, made_by: Mapping[str, Any]) -> dict[str, Any]:
    images = {name: str(path) for name, path in case.images.items()}
    return {"case_id": case.case_id, "images": images, "made_by": dict(made_by)}


def _with_deviation(
    name: str, value: float, deviations: Mapping[str, float], *, key: str, digits: int
) -> dict[str, float]:
    deviation = {"standard_deviation": round(deviations[name], digits)} if name in deviations else {}
    return {key: round(value, digits), **deviation}


def _true_class(predictor: Predictor, case: Case, head: str) -> str:
    """Return the class as the data set has it, also one that the model does not know."""
    return case.targets.get(predictor.source.targets[head].target, UNKNOWN)
