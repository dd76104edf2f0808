import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.prediction import ClassificationPrediction, Prediction, SegmentationPrediction
from medweave.inference.rows import COLUMNS, prediction_rows
from medweave.measurements.measurement import Measurement

CASE = Case("p1", "p1", {"ed": Path("p1_ed.nii"), "es": Path("p1_es.nii")})
PREDICTOR = SimpleNamespace(image_path=lambda case, head: case.images[head.removeprefix("heart_")])
PREDICTION = Prediction(
    "p1",
    {"heart_es": SegmentationPrediction(sitk.Image(2, 2, 2, sitk.sitkUInt8), {"lv": 61.23456, "rv": 0.0})},
    {"diagnosis": ClassificationPrediction({"NOR": 0.25, "DCM": 0.75}, ("DCM",), np.zeros(2, np.float32))},
    measurements=(Measurement("lv_ejection_fraction", 58.123456789, "%"), Measurement("mass", math.nan, "g")),
)


def test_every_answer_has_a_row_with_its_own_columns():
    structure, empty, *classes, fraction, mass = prediction_rows(PREDICTION, CASE, PREDICTOR)
    first = {"case_id": "p1", "image": Path("p1_ed.nii"), "status": "done"}
    of_systole = {**first, "image": Path("p1_es.nii"), "head": "heart_es"}
    assert structure == {**of_systole, "structure": "lv", "volume_ml": 61.2346, "unit": "mL"}
    assert empty == {**of_systole, "structure": "rv", "volume_ml": 0.0, "unit": "mL"}
    assert classes == [
        {**first, "head": "diagnosis", "class": "NOR", "probability": 0.25},
        {**first, "head": "diagnosis", "class": "DCM", "probability": 0.75},
    ]
    assert fraction == {**first, "measurement": "lv_ejection_fraction", "value": 58.1235, "unit": "%"}
    assert mass == {**first, "measurement": "mass", "value": None, "unit": "g"}


def test_in_2d_the_unit_is_that_of_an_area():
    flat = SegmentationPrediction(sitk.Image(2, 2, sitk.sitkUInt8), {"lungs": 300.0})
    (row,) = prediction_rows(Prediction("p1", {"heart_ed": flat}), CASE, PREDICTOR)
    assert (row["volume_ml"], row["unit"]) == (300.0, "cm²")


def test_every_key_of_a_row_is_a_column():
    assert {key for row in prediction_rows(PREDICTION, CASE, PREDICTOR) for key in row} | {"reason"} == set(COLUMNS)
