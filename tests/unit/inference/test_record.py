import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.data.study import TargetSource
from medweave.inference.gate.warning import InputWarning
from medweave.inference.prediction import ClassificationPrediction, Prediction, SegmentationPrediction
from medweave.inference.record import done_record, failed_record
from medweave.measurements.measurement import Measurement

CASE = Case("p1", "p1", {"ed": Path("p1_ed.nii"), "es": Path("p1_es.nii")}, targets={"group": "DCM"})
TARGETS = {"diagnosis": TargetSource("group", ("NOR", "DCM")), "sex": TargetSource("sex", ("f", "m"))}
PREDICTOR = SimpleNamespace(
    image_path=lambda case, head: case.images[head.removeprefix("heart_")], source=SimpleNamespace(targets=TARGETS)
)
VOLUME = sitk.Image(2, 2, 2, sitk.sitkUInt8)
LOGITS = np.zeros(2, np.float32)
PREDICTION = Prediction(
    "p1",
    {
        "heart_es": SegmentationPrediction(
            VOLUME, {"lv": 61.23456, "rv": 0.0}, volume_deviations_ml={"lv": 1.23456, "rv": 0.0}
        )
    },
    {
        "diagnosis": ClassificationPrediction(
            {"NOR": 0.25, "DCM": 0.75}, ("DCM",), LOGITS, entropy_bits=0.8112781, deviations={"NOR": 0.1, "DCM": 0.1}
        ),
        "sex": ClassificationPrediction({"f": 0.6, "m": 0.7}, ("f", "m"), LOGITS),
    },
    missing_inputs=("cine",),
    measurements=(Measurement("lv_ejection_fraction", 58.123456789, "%"), Measurement("mass", math.nan, "g")),
    warnings=(InputWarning("spacing", "cine", "9 mm"),),
    members=8,
)
MADE_BY = {"model_sha256": "abc", "medweave": "1.0"}


def _record():
    return done_record(PREDICTION, CASE, PREDICTOR, files=[Path("p1_heart_es.nii.gz")], made_by=MADE_BY)


def test_a_record_says_everything_in_plain_values():
    record = json.loads(json.dumps(_record(), allow_nan=False))
    assert record["images"] == {"ed": "p1_ed.nii", "es": "p1_es.nii"}
    assert (record["case_id"], record["status"], record["members"]) == ("p1", "done", 8)
    assert (record["made_by"], record["missing_inputs"]) == (MADE_BY, ["cine"])
    assert record["warnings"] == [{"code": "spacing", "input_name": "cine", "message": "9 mm"}]
    assert record["segmentations"] == {
        "heart_es": {
            "image": "p1_es.nii",
            "unit": "mL",
            "structures": {
                "lv": {"volume": 61.2346, "standard_deviation": 1.2346},
                "rv": {"volume": 0.0, "standard_deviation": 0.0},
            },
        }
    }
    assert record["measurements"] == [
        {"name": "lv_ejection_fraction", "value": 58.1235, "unit": "%"},
        {"name": "mass", "value": None, "unit": "g"},
    ]
    assert record["files"] == ["p1_heart_es.nii.gz"]


def test_classes_come_with_the_true_one_where_it_is_known():
    found = _record()["classifications"]
    assert found["diagnosis"] == {
        "true_class": "DCM",
        "pred_class": "DCM",
        "entropy_bits": 0.811278,
        "classes": {
            "NOR": {"probability": 0.25, "standard_deviation": 0.1},
            "DCM": {"probability": 0.75, "standard_deviation": 0.1},
        },
    }
    assert (found["sex"]["true_class"], found["sex"]["pred_class"]) == ("unknown", "f|m")
    assert found["sex"]["classes"] == {"f": {"probability": 0.6}, "m": {"probability": 0.7}}


def test_in_2d_the_unit_is_that_of_an_area():
    flat = SegmentationPrediction(sitk.Image(2, 2, sitk.sitkUInt8), {"lungs": 300.0})
    record = done_record(Prediction("p1", {"heart_ed": flat}), CASE, PREDICTOR, files=[], made_by={})
    assert record["segmentations"]["heart_ed"]["unit"] == "cm²"
    assert record["segmentations"]["heart_ed"]["structures"] == {"lungs": {"volume": 300.0}}


def test_a_failed_case_has_its_reason_and_its_files():
    assert failed_record(CASE, "damaged", made_by=MADE_BY) == {
        "case_id": "p1",
        "images": {"ed": "p1_ed.nii", "es": "p1_es.nii"},
        "made_by": MADE_BY,
        "status": "failed",
        "reason": "damaged",
    }
