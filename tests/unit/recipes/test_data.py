import pytest
from pydantic import ValidationError

from medweave.recipes.data import ClassificationHead, Data, Input, SegmentationHead

HEADS = {
    "heart": {"structures": {"lv": 3}},
    "diagnosis": {"kind": "classification", "classes": ["NOR", "DCM"], "ignore": ["other"]},
}


def _data(**changes) -> Data:
    return Data.model_validate({"inputs": {"mri": {}}, "heads": HEADS} | changes)


def test_heads_are_told_apart_by_their_kind_which_is_segmentation_by_default() -> None:
    data = _data()
    assert data.segmentation_heads == {"heart": SegmentationHead(structures={"lv": 3})}
    assert list(data.classification_heads) == ["diagnosis"]
    assert Data.model_validate(data.model_dump(mode="json")) == data
    assert Data.model_validate({"inputs": data.inputs, "heads": data.heads}) == data


def test_values_of_one_structure_are_read_as_its_first() -> None:
    head = SegmentationHead(structures={"lv": 3, "rest": [2, 1, 4], "lungs": [7]})
    assert head.values == {"lv": 3, "rest": 2, "lungs": 7}
    assert head.merged_values == {1: 2, 4: 2}
    assert head.model_dump(mode="json")["structures"] == {"lv": 3, "rest": [2, 1, 4], "lungs": 7}


@pytest.mark.parametrize(
    ("structures", "problem"),
    [
        ({"heart": [1, 2, 1]}, "a value is given twice: 1"),
        ({"lv": 3, "myocardium": 2, "heart": [1, 2, 3]}, "a value is given twice: 2, 3"),
        ({"heart": []}, "at least 1 item"),
        ({"heart": [1, 0]}, "greater than or equal to 1"),
        ({"heart": "all"}, "a valid integer"),
    ],
)
def test_values_that_name_no_structures_are_refused(structures, problem) -> None:
    with pytest.raises(ValidationError, match=problem):
        SegmentationHead(structures=structures)


@pytest.mark.parametrize(
    ("channels", "colour", "n_channels"), [(("ed", "es"), "grey", 2), (("image",), "rgb", 3), (("a", "b"), "rgb", 6)]
)
def test_a_colour_image_has_three_channels(channels, colour, n_channels) -> None:
    assert Input(channels=channels, colour=colour).n_channels == n_channels


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"classes": ["a", "a"]}, "a class is named twice: a"),
        ({"classes": ["a", "b"], "ignore": ["b"]}, "a class is an answer and ignored: b"),
        ({"classes": ["a"]}, "one class alone leaves nothing to tell apart"),
        ({"classes": []}, "at least 1 item"),
    ],
)
def test_classes_that_cannot_be_told_apart_are_refused(settings, problem) -> None:
    with pytest.raises(ValidationError, match=problem):
        ClassificationHead(kind="classification", **settings)


def test_one_label_that_a_case_may_have_is_enough() -> None:
    assert ClassificationHead(kind="classification", classes=["plaque"], multi_label=True).classes == ("plaque",)


def test_shares_of_the_split_sum_to_one() -> None:
    with pytest.raises(ValidationError, match=r"train \+ val \+ test must be 1, got 1\.3"):
        _data(split={"train": 0.7, "val": 0.3, "test": 0.3})
