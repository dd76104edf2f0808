import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.study import InputSource, SegmentationSource, StudySource, TargetSource
from medweave.evaluation.judging import judge, pooled, refuse_uncontrolled
from medweave.inference.measuring import Measuring
from medweave.inference.prediction import (
    ClassificationHeadInfo,
    ClassificationPrediction,
    Prediction,
    SegmentationHeadInfo,
    SegmentationPrediction,
)
from medweave.inference.predictor import Predictor
from medweave.measurements.volumes import Volumes
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor

CLASSES = ("low", "high")
NO_CHANGE = Preprocessor(spatial_dims=2, intensity=IntensityNormalisation(method="none"))


class Answering(Predictor):
    """A predictor that draws one square on the image and is sure of the class "high"."""

    def __init__(self, measuring=None, merged_values=None):
        super().__init__(
            source=StudySource(
                {"front": InputSource(("front",), NO_CHANGE), "side": InputSource(("side",), NO_CHANGE)},
                {"lungs": SegmentationSource("front", "front", {"lungs": 1}, merged_values or {})},
                {"grade": TargetSource("grade", CLASSES, ignore=("unclear",))},
            ),
            segmentation_heads={
                "lungs": SegmentationHeadInfo({"lungs": 1}, "softmax", "front", "front", merged_values or {})
            },
            classification_heads={"grade": ClassificationHeadInfo(CLASSES)},
            networks=[None],
            window=None,
            measuring=measuring,
        )

    def predict(self, case, *, keep_probabilities=False):
        having = [name for name in self.source.inputs if self.source.has_input(case, name)]
        segmentations = {}
        if "front" in having:
            label_map = sitk.Cast(sitk.ReadImage(str(case.images["front"])) * 0, sitk.sitkUInt8)
            label_map[1:3, 1:3] = 1
            segmentations["lungs"] = SegmentationPrediction(label_map, {})
        missing = tuple(name for name in self.source.inputs if name not in having)
        answer = ClassificationPrediction({"low": 0.1, "high": 0.9}, ("high",), np.zeros(2, np.float32))
        prediction = Prediction(case.case_id, segmentations, {"grade": answer}, missing)
        return self.measuring.complete(prediction, case.attributes) if self.measuring else prediction


@pytest.fixture
def write(tmp_path):
    """Write images and masks and return the index of the cases; a case is (images, has mask, class)."""

    def index_of(**cases):
        image = sitk.Image(5, 5, sitk.sitkFloat32)
        mask = sitk.Image(5, 5, sitk.sitkUInt8)
        mask[1:3, 1:4] = 1
        sitk.WriteImage(image, str(tmp_path / "image.nii.gz"))
        sitk.WriteImage(mask, str(tmp_path / "mask.nii.gz"))
        return DatasetIndex(
            name="study",
            root=tmp_path,
            layout="table",
            structures={},
            cases=tuple(
                Case(
                    case_id,
                    f"subject of {case_id}",
                    images=dict.fromkeys(images, tmp_path / "image.nii.gz"),
                    label_maps={"front": tmp_path / "mask.nii.gz"} if has_mask else {},
                    targets={"grade": grade} if grade else {},
                )
                for case_id, (images, has_mask, grade) in cases.items()
            ),
        )

    return index_of


def _judge(index, *, on_progress=lambda _done, _total: None, measuring=None, shortcut_control=False):
    return judge(
        Answering(measuring),
        index,
        index.root / "predictions",
        on_progress=on_progress,
        shortcut_control=shortcut_control,
    )


def test_each_head_is_judged_on_the_cases_that_have_truth_for_it(write):
    found = _judge(
        write(
            both=(["front", "side"], True, "high"),
            mask=(["front", "side"], True, None),
            grade=(["front", "side"], False, "low"),
            neither=(["front", "side"], False, None),
            ignored=(["front", "side"], False, "unclear"),
        )
    )
    assert [case.case_id for case in found.scores] == ["both", "mask"]
    assert found.scores[0].structures["lungs"].metrics["dice"] == pytest.approx(2 * 4 / (4 + 6))
    assert [(case.case_id, case.truth, case.subject_id) for case in found.classified] == [
        ("both", ("high",), "subject of both"),
        ("grade", ("low",), "subject of grade"),
    ]
    assert found.classified[0].probabilities == {"low": 0.1, "high": 0.9}
    assert list(found.images) == ["both", "grade"]


def test_several_values_of_a_truth_are_one_structure(write):
    index = write(a=(["front"], True, None))
    mask = sitk.Image(5, 5, sitk.sitkUInt8)
    mask[1, 1], mask[2:3, 1:4], mask[4, 4] = 1, 2, 3  # the answer covers the first and two of the second
    sitk.WriteImage(mask, str(index.root / "mask.nii.gz"))
    predictor = Answering(Measuring(Volumes(), {"lungs": {"lungs": 1}}), merged_values={2: 1})
    found = judge(predictor, index, index.root / "predictions", on_progress=lambda _done, _total: None)
    assert found.scores[0].structures["lungs"].metrics["dice"] == pytest.approx(2 * 3 / (4 + 4))
    assert [entry.value for entry in found.measured[0].truth] == [pytest.approx(0.04)]
    _, truth, _ = found.files["a", "lungs"].read()
    assert np.count_nonzero(sitk.GetArrayViewFromImage(truth) == 1) == 4


def test_what_a_case_lacks_is_told(write):
    found = _judge(write(side=(["side"], False, "high"), both=(["front", "side"], False, "high")))
    assert [case.missing_inputs for case in found.classified] == [("front",), ()]
    assert found.images["side"].spatial_dims == 2


def test_a_label_map_without_its_image_cannot_be_judged(write):
    found = _judge(write(side=(["side"], True, "high")))
    assert (found.scores, len(found.classified)) == ([], 1)


def test_a_case_without_any_input_is_not_judged(write):
    found = _judge(write(nothing=(["other"], True, "high"), both=(["front"], True, "high")))
    assert [case.case_id for case in found.classified] == ["both"]


def test_predictions_are_written_and_progress_is_told(write):
    calls = []
    index = write(a=(["front"], True, None), b=(["side"], False, "low"))
    found = _judge(index, on_progress=lambda *progress: calls.append(progress))
    assert calls == [(1, 2), (2, 2)]
    assert [path.name for path in (index.root / "predictions").iterdir()] == ["a_lungs.nii.gz"]
    assert found.files["a", "lungs"].prediction == index.root / "predictions/a_lungs.nii.gz"


def test_every_case_is_measured_and_its_truth_where_there_is_one(write):
    index = write(both=(["front"], True, "high"), grade=(["front"], False, "low"))
    found = _judge(index, measuring=Measuring(Volumes(), {"lungs": {"lungs": 1}}))
    measured = [
        (case.case_id, [entry.value for entry in case.predicted], [entry.value for entry in case.truth])
        for case in found.measured
    ]
    assert measured == [
        ("both", pytest.approx([0.04]), pytest.approx([0.06])),  # four and six square millimetres, in cm²
        ("grade", pytest.approx([0.04]), []),
    ]
    assert found.measured[0].subject_id == "subject of both"
    assert _judge_again(index).measured == []


def _judge_again(index):
    return judge(Answering(), index, index.root / "again", on_progress=lambda _done, _total: None)


def test_cases_without_any_truth_are_refused(write):
    with pytest.raises(DataError, match=r"no case has a true label map or class .*: got 1 cases"):
        _judge(write(a=(["front"], False, None)))


def test_a_class_that_the_model_does_not_know_is_refused(write):
    with pytest.raises(DataError, match=r"case a\): got medium; wanted low, high"):
        _judge(write(a=(["front"], False, "medium")))


def test_a_label_map_on_another_grid_is_refused(write):
    index = write(a=(["front"], True, None))
    moved = sitk.ReadImage(str(index.root / "mask.nii.gz"))
    moved.SetSpacing([2, 2])
    sitk.WriteImage(moved, str(index.root / "mask.nii.gz"))
    with pytest.raises(DataError, match=r"does not lie on the image's grid \(case a, .*got spacing"):
        _judge(index)


def test_the_control_answers_the_same_cases_three_times(write):
    index = write(
        both=(["front"], True, "high"),
        predicted=(["front"], False, "low"),
        unmasked=(["side"], False, "low"),
        unknown=(["front"], True, None),
    )
    found = _judge(index, shortcut_control=True)
    assert {control: [case.case_id for case in cases] for control, cases in found.controlled.items()} == {
        control: ["both", "predicted"] for control in ("whole_image", "region_alone", "region_removed")
    }
    assert found.controlled["region_removed"][1].truth == ("low",)


def test_a_control_without_any_region_is_refused(write):
    index = write(side=(["side"], False, "low"))
    with pytest.raises(DataError, match=r"no case has a masked region for the control of shortcuts .*add masks"):
        refuse_uncontrolled(_judge(index, shortcut_control=True), index)


def test_what_was_judged_in_parts_is_pooled_as_if_it_had_been_judged_at_once(write):
    index = write(
        a=(["front"], True, "high"),
        b=(["front", "side"], True, "low"),
        c=(["side"], False, "low"),
        d=(["front"], True, None),
    )
    parts = [_judge(index.subset(names), shortcut_control=True) for names in (["a", "c"], ["b", "d"])]
    found, whole = pooled(parts), _judge(index, shortcut_control=True)
    assert [case.case_id for case in found.scores] == ["a", "b", "d"]
    assert sorted(found.classified, key=lambda case: case.case_id) == whole.classified
    assert (found.files, found.images) == (whole.files, whole.images)
    assert found.controlled.keys() == whole.controlled.keys()
    assert [case.case_id for case in found.controlled["region_alone"]] == ["a", "b"]


def test_answers_tell_the_temperature_of_the_model_that_gave_them(write):
    index = write(a=(["front"], True, "high"))
    tempered = Answering()
    tempered.classification_heads = {"grade": ClassificationHeadInfo(CLASSES, temperature=1.5)}
    found = judge(tempered, index, index.root / "predictions", on_progress=lambda _done, _total: None)
    assert [case.temperature for case in found.classified] == [1.5]
