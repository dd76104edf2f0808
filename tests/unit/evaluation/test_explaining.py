"""Which cases are explained, and what is kept of it."""

from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.data.study import InputSource, StudySource
from medweave.evaluation.classification import ClassifiedCase
from medweave.evaluation.explaining import explain_hardest
from medweave.inference.prediction import (
    Attention,
    ClassificationHeadInfo,
    ClassificationPrediction,
    Prediction,
    SegmentationHeadInfo,
    SegmentationPrediction,
)
from medweave.preprocessing.pipeline import Preprocessor


class _Predictor(SimpleNamespace):
    def predict(self, case, *, explain):
        assert explain
        label_map = sitk.GetImageFromArray(np.zeros((6, 8), np.uint8))
        attention = Attention("high", {"xray": np.ones((8, 6), np.float32)}, {"lungs": 0.25})
        answer = ClassificationPrediction({"low": 0.1, "high": 0.9}, ("high",), np.zeros(2), attention)
        return Prediction(case.case_id, {"lungs": SegmentationPrediction(label_map, {})}, {"grade": answer})


def _predictor(*, can_explain):
    return _Predictor(
        can_explain=can_explain,
        network_classes=("grade", "unjudged"),
        classification_heads={"grade": ClassificationHeadInfo(("low", "high"))} | {"unjudged": None},
        source=StudySource({"xray": InputSource(("image",), Preprocessor(spatial_dims=2))}, {}),
        segmentation_heads={"lungs": SegmentationHeadInfo({"lungs": 1}, "sigmoid", "xray", "image")},
    )


@pytest.fixture
def cases(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.full((6, 8), 50, np.uint8)), str(tmp_path / "c.png"))
    return [Case(name, name, images={"image": tmp_path / "c.png"}) for name in "abcdef"]


def _answers(high):
    return [
        ClassifiedCase(name, name, "grade", ("low",), {"low": 1 - value, "high": value})
        for name, value in zip("abcdef", high, strict=True)
    ]


def test_the_surest_errors_come_first_then_the_least_sure_right_answers(tmp_path, cases):
    answers = _answers([0.1, 0.6, 0.3, 0.9, 0.2, 0.4])
    explained = explain_hardest(_predictor(can_explain=True), cases, answers, tmp_path / "predictions")
    assert [case.case_id for case in explained] == ["d", "b", "f", "c"]
    assert {case.head for case in explained} == {"grade"}
    assert (explained[0].class_name, explained[0].inside) == ("high", {"lungs": 0.25})
    assert explained[0].pictures == (tmp_path / "predictions" / "d_grade_attention_xray.png",)
    assert explained[0].pictures[0].is_file()


def test_networks_that_cannot_tell_explain_nothing(tmp_path, cases):
    assert explain_hardest(_predictor(can_explain=False), cases, _answers([0.1] * 6), tmp_path) == []
