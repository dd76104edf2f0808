import numpy as np
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.inference.gate.warning import InputWarning
from medweave.inference.prediction import ClassificationPrediction, Prediction, SegmentationPrediction
from medweave.inference.writers.words import picture_title

CASE = Case("c1", "c1", images={})
HEART = SegmentationPrediction(
    sitk.Image(2, 2, 2, sitk.sitkUInt8), {"left_atrium": 1.26, "lv": 2.0}, volume_deviations_ml={"lv": 0.31}
)


def test_structures_classes_and_warnings_have_a_line_each():
    classes = ClassificationPrediction({"a": 0.25, "b": 0.75}, ("b",), np.zeros(2, np.float32))
    warning = InputWarning("spacing", "mri", "9 mm, trained on 1")
    prediction = Prediction("c1", {"heart": HEART}, {"finding": classes}, warnings=(warning,))
    assert picture_title(prediction, CASE, "heart").splitlines() == [
        "c1: left atrium 1.3 mL, lv 2.0 ± 0.3 mL",
        "finding: b 0.75, a 0.25",
        "doubtful mri: 9 mm, trained on 1",
    ]


def test_without_a_head_the_case_is_named_alone():
    assert picture_title(Prediction("c1", {}), CASE, None) == "c1"


def test_of_several_heads_the_one_that_is_drawn_is_named():
    prediction = Prediction("c1", {"heart_ed": HEART, "heart_es": HEART})
    assert picture_title(prediction, CASE, "heart_es").startswith("c1, heart_es: left atrium 1.3 mL")
