from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.data.case import Case
from medweave.data.study import InputSource
from medweave.evaluation.classification import ClassifiedCase
from medweave.evaluation.shortcut import controlled_cases, summarise_control
from medweave.inference.prediction import Prediction, SegmentationHeadInfo, SegmentationPrediction
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_channels

CLASSES = ("low", "high")
SIZE = (6, 5)


def _predictor(*images, colour="grey", spatial_dims=2):
    """Reads one input of the named images and segments the first of them."""
    preprocessor = Preprocessor(spatial_dims=spatial_dims, intensity=IntensityNormalisation(method="none"))
    inputs = {"view": InputSource(images, preprocessor, colour)}
    heads = {"lungs": SegmentationHeadInfo({"lungs": 1}, "softmax", "view", images[0])}
    return SimpleNamespace(source=SimpleNamespace(inputs=inputs), segmentation_heads=heads)


def _mask(size=SIZE):
    mask = sitk.Image(size, sitk.sitkUInt8)
    mask[1:3, 1:4] = 2
    return mask


def _write(folder, name, *, size=SIZE, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, size[::-1]).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / name))
    return folder / name


def _pixels(path, **options):
    return [to_array(channel) for channel in read_channels(path, spatial_dims=2, **options)]


@pytest.fixture
def case(tmp_path):
    sitk.WriteImage(_mask(), str(tmp_path / "mask.png"))
    images = {name: _write(tmp_path, f"{name}.png", seed=seed) for seed, name in enumerate(("front", "side"))}
    return Case("a", "a", images, {"front": tmp_path / "mask.png"}, {"grade": "low"})


def test_the_region_alone_and_all_but_it_are_filled_with_the_images_mean(case, tmp_path):
    found = controlled_cases(_predictor("front"), case, Prediction("a", {}), tmp_path)
    assert list(found) == ["whole_image", "region_alone", "region_removed"]
    assert found["whole_image"] is case
    (image,) = _pixels(case.images["front"])
    region = np.zeros(SIZE, dtype=bool)
    region[1:3, 1:4] = True
    for control, kept in {"region_alone": region, "region_removed": ~region}.items():
        (altered,) = _pixels(found[control].images["front"])
        assert (altered[kept] == image[kept]).all()
        assert altered[~kept] == pytest.approx(image.mean())


def test_an_altered_case_keeps_its_truth(case, tmp_path):
    found = controlled_cases(_predictor("front"), case, Prediction("a", {}), tmp_path)
    assert (found["region_alone"].targets, found["region_alone"].case_id) == (case.targets, "a")


def test_images_on_the_same_grid_share_the_region(case, tmp_path):
    found = controlled_cases(_predictor("front", "side"), case, Prediction("a", {}), tmp_path)
    (side,) = _pixels(case.images["side"])
    (altered,) = _pixels(found["region_removed"].images["side"])
    assert altered[1, 1] == pytest.approx(side.mean())
    assert altered[0, 0] == side[0, 0]


def test_the_predicted_region_stands_in_for_an_absent_true_one(case, tmp_path):
    without = Case("a", "a", case.images)
    prediction = Prediction("a", {"lungs": SegmentationPrediction(_mask(), {})})
    found = controlled_cases(_predictor("front"), without, prediction, tmp_path)
    (altered,) = _pixels(found["region_removed"].images["front"])
    assert len(np.unique(altered[1:3, 1:4])) == 1


def test_two_images_on_one_grid_have_a_region_each(case, tmp_path):
    side = sitk.Image(SIZE, sitk.sitkUInt8)
    side[4, 1:4] = 1
    sitk.WriteImage(side, str(tmp_path / "side_mask.png"))
    both = replace(case, label_maps=case.label_maps | {"side": tmp_path / "side_mask.png"})
    found = controlled_cases(_predictor("front", "side"), both, Prediction("a", {}), tmp_path)
    for name, mask in (("front", to_array(_mask()) > 0), ("side", to_array(side) > 0)):
        (altered,) = _pixels(found["region_removed"].images[name])
        (image,) = _pixels(case.images[name])
        assert (altered[~mask] == image[~mask]).all()
        assert altered[mask] == pytest.approx(image.mean())


def test_two_predicted_label_maps_of_an_image_are_one_region(case, tmp_path):
    predictor = _predictor("front")
    predictor.segmentation_heads["heart"] = SegmentationHeadInfo({"heart": 1}, "softmax", "view", "front")
    heart = sitk.Image(SIZE, sitk.sitkUInt8)
    heart[4, 1:4] = 1
    answers = {"lungs": SegmentationPrediction(_mask(), {}), "heart": SegmentationPrediction(heart, {})}
    found = controlled_cases(predictor, replace(case, label_maps={}), Prediction("a", answers), tmp_path)
    (altered,) = _pixels(found["region_removed"].images["front"])
    (image,) = _pixels(case.images["front"])
    region = (to_array(_mask()) > 0) | (to_array(heart) > 0)
    assert altered[region] == pytest.approx(image.mean())
    assert (altered[~region] == image[~region]).all()


def test_an_empty_region_is_none(case, tmp_path):
    sitk.WriteImage(_mask() * 0, str(tmp_path / "mask.png"))
    assert controlled_cases(_predictor("front"), case, Prediction("a", {}), tmp_path) == {}


def test_the_true_region_is_preferred_to_the_predicted_one(case, tmp_path):
    empty = SegmentationPrediction(_mask() * 0, {})
    found = controlled_cases(_predictor("front"), case, Prediction("a", {"lungs": empty}), tmp_path)
    (altered,) = _pixels(found["region_alone"].images["front"])
    assert len(np.unique(altered)) > 1


def test_a_case_with_an_image_without_any_region_has_no_control(case, tmp_path):
    other = Case("a", "a", case.images | {"side": _write(tmp_path, "large.png", size=(8, 8))}, case.label_maps)
    assert controlled_cases(_predictor("front", "side"), other, Prediction("a", {}), tmp_path) == {}
    assert controlled_cases(_predictor("front"), Case("a", "a", case.images), Prediction("a", {}), tmp_path) == {}


def test_absent_inputs_need_no_region(case, tmp_path):
    prediction = Prediction("a", {}, missing_inputs=("view",))
    assert controlled_cases(_predictor("front"), case, prediction, tmp_path)["region_alone"].images == {}


def test_colour_is_kept_channel_by_channel(case, tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (*SIZE[::-1], 3)).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(rgb, isVector=True), str(tmp_path / "rgb.png"))
    coloured = Case("a", "a", {"front": tmp_path / "rgb.png"}, case.label_maps)
    found = controlled_cases(_predictor("front", colour="rgb"), coloured, Prediction("a", {}), tmp_path)
    altered = _pixels(found["region_removed"].images["front"], colour="rgb")
    assert [channel[1, 1] for channel in altered] == pytest.approx(rgb.mean(axis=(0, 1)).tolist(), rel=1e-5)
    assert [channel[0, 0] for channel in altered] == rgb[0, 0].tolist()


def _answers(right):
    """Cases of which as many as `right` are answered right, one class twice as frequent as the other."""
    truths = ["low", "low", "high"] * 10
    return [
        ClassifiedCase(
            str(number),
            str(number),
            "grade",
            (truth,),
            {name: float((name == truth) == (number < right)) for name in CLASSES},
        )
        for number, truth in enumerate(truths)
    ]


def _control(*, removed, n_judged=30):
    found = {"whole_image": _answers(29), "region_alone": _answers(28), "region_removed": _answers(removed)}
    return summarise_control(found, classes=CLASSES, multi_label=False, n_judged=n_judged, judged_classes=CLASSES)


def test_a_model_that_needs_no_region_is_suspected():
    control = _control(removed=28, n_judged=33)
    assert (control["n_cases"], control["n_without_region"]) == (30, 3)
    assert control["most_frequent_class_share"] == pytest.approx(2 / 3)
    assert control["region_removed"]["accuracy"]["mean"] == pytest.approx(28 / 30)
    assert control["whole_image"]["accuracy"]["mean"] == pytest.approx(29 / 30)
    assert control["meaning"] == (
        "Without the masked region, 93% of the cases are still answered right (always the most frequent "
        "class: 67%), with a ROC AUC of 0.93 (guessing: 0.50): clearly more than guessing. What lies outside the "
        "region tells the classes apart: a likely shortcut."
    )


def test_a_model_that_guesses_without_the_region_is_not():
    assert _control(removed=15)["meaning"].endswith(
        "not clearly more than guessing. These cases show no shortcut outside the region."
    )


def test_probabilities_that_still_rank_the_cases_are_suspected_too():
    # Every case is answered "low", no better than guessing; all but two have the higher probability where it is due.
    higher = {"low": 0.1, "high": 0.3}
    cases = [
        ClassifiedCase(case.case_id, case.subject_id, "grade", case.truth, {"low": 1 - high, "high": high})
        for number, case in enumerate(_answers(30))
        for high in [0.3 if number == 0 else 0.1 if number == 2 else higher[case.truth[0]]]
    ]
    found = {"whole_image": _answers(30), "region_alone": _answers(30), "region_removed": cases}
    control = summarise_control(found, classes=CLASSES, multi_label=False, n_judged=30, judged_classes=CLASSES)
    assert control["region_removed"]["accuracy"]["mean"] == pytest.approx(2 / 3)
    assert control["meaning"].endswith("a likely shortcut.")


def test_a_class_without_a_region_is_named():
    cases = [case for case in _answers(29) if case.truth == ("low",)]
    found = dict.fromkeys(("whole_image", "region_alone", "region_removed"), cases)
    control = summarise_control(found, classes=CLASSES, multi_label=False, n_judged=30, judged_classes=CLASSES)
    assert control["n_without_region"] == 10
    assert control["meaning"].endswith(" No case of high has a masked region; their part is not known.")


def test_one_subject_tells_nothing():
    cases = _answers(29)[:1]
    found = dict.fromkeys(("whole_image", "region_alone", "region_removed"), cases)
    control = summarise_control(found, classes=CLASSES, multi_label=False, n_judged=1, judged_classes=["low"])
    assert control["meaning"].endswith(": too few cases to tell that from guessing.")
