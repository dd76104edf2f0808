import numpy as np
import pytest
import SimpleITK as sitk

from medweave.evaluation.class_metrics import Answers
from medweave.evaluation.classification import ClassifiedCase, summarise_classification
from medweave.evaluation.report.classification import (
    CaseImage,
    ClassificationResults,
    ExplainedCase,
    class_metric_meanings,
    classification_section,
    confident_errors,
    hardest_cases,
)


def _section(folder, cases, *, classes, multi_label=False, spatial_dims=2, control=None, explained=()):
    image = sitk.GetImageFromArray(np.random.default_rng(0).random((6,) * spatial_dims).astype(np.float32))
    sitk.WriteImage(image, str(folder / "image.nii.gz"))
    images = {case.case_id: CaseImage(folder / "image.nii.gz", spatial_dims) for case in cases}
    found = ClassificationResults(classes, multi_label, cases, images, explained)
    summary = summarise_classification(cases, classes=classes, multi_label=multi_label, n_part_cases=len(cases))
    summary |= {"shortcut_control": control} if control else {}
    return classification_section(folder / "figures", "grade", found, summary)


def _case(case_id, truth, probabilities):
    return ClassifiedCase(case_id, case_id, "grade", truth, probabilities)


def test_errors_are_ordered_by_how_sure_they_are():
    truth = np.array([[True, False], [True, False], [False, True], [False, True]])
    probabilities = np.array([[0.4, 0.6], [0.1, 0.9], [0.3, 0.7], [0.8, 0.2]])
    answers = Answers(("a", "b"), multi_label=False, truth=truth, probabilities=probabilities)
    assert confident_errors(answers) == [1, 3, 0]


def test_a_label_that_is_missed_with_certainty_is_a_confident_error():
    truth = np.array([[True, False], [True, True]])
    answers = Answers(("a", "b"), multi_label=True, truth=truth, probabilities=np.array([[0.6, 0.7], [0.9, 0.01]]))
    assert confident_errors(answers) == [1, 0]


def test_the_section_shows_errors_with_their_probabilities(tmp_path):
    cases = [
        _case("right", ("low",), {"low": 0.9, "high": 0.1}),
        _case("wrong", ("high",), {"low": 0.7, "high": 0.3}),
        _case("worse", ("high",), {"low": 0.95, "high": 0.05}),
    ]
    section = _section(tmp_path, cases, classes=("low", "high"))
    assert (section["n_errors"], [case["case_id"] for case in section["errors"]]) == (2, ["worse", "wrong"])
    assert section["errors"][0]["probabilities"] == [
        {"name": "low", "value": 0.95, "is_true": False, "is_chosen": True},
        {"name": "high", "value": 0.05, "is_true": True, "is_chosen": False},
    ]
    assert [row["case_id"] for row in section["rows"]] == ["worse", "wrong", "right"]
    assert (tmp_path / "figures/grade_error_worse.png").is_file()
    assert list(section["pictures"]) == ["Confusion matrix", "ROC curves", "Precision and recall", "Calibration"]


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_labels_have_a_matrix_with_a_row_each(tmp_path, spatial_dims):
    cases = [_case("none", (), {"x": 0.9, "y": 0.2}), _case("both", ("x", "y"), {"x": 0.8, "y": 0.7})]
    section = _section(tmp_path, cases, classes=("x", "y"), multi_label=True, spatial_dims=spatial_dims)
    assert next(iter(section["pictures"])) == "Confusion matrix"
    assert (tmp_path / "figures/grade_confusion_matrix.png").is_file()
    assert section["errors"][0]["case_id"] == "none"
    assert [row["is_chosen"] for row in section["errors"][0]["probabilities"]] == [True, False]


def test_a_few_errors_are_shown_of_many(tmp_path):
    cases = [_case(f"c{number}", ("low",), {"low": 0.1, "high": 0.9}) for number in range(9)]
    section = _section(tmp_path, cases, classes=("low", "high"))
    assert (section["n_errors"], len(section["errors"])) == (9, 6)


def test_every_metric_has_a_meaning():
    assert all(label and meaning for label, meaning in class_metric_meanings())


def test_the_control_of_shortcuts_is_shown_where_there_is_one(tmp_path):
    cases = [_case("a", ("low",), {"low": 0.9, "high": 0.1})]
    assert _section(tmp_path, cases, classes=("low", "high"))["controls"] == []
    control = {"whole_image": {"accuracy": 1}, "region_alone": {"accuracy": 2}, "region_removed": {"accuracy": 3}}
    assert _section(tmp_path, cases, classes=("low", "high"), control=control)["controls"] == [
        ("whole image", {"accuracy": 1}),
        ("masked region alone", {"accuracy": 2}),
        ("all but the masked region", {"accuracy": 3}),
    ]


def test_right_answers_follow_the_errors_the_least_sure_first():
    truth = np.array([[True, False], [True, False], [False, True], [False, True]])
    probabilities = np.array([[0.9, 0.1], [0.1, 0.9], [0.4, 0.6], [0.6, 0.4]])
    answers = Answers(("a", "b"), multi_label=False, truth=truth, probabilities=probabilities)
    assert hardest_cases(answers) == [1, 3, 2, 0]


def test_attention_stands_beside_the_picture_of_the_hardest_explained_cases(tmp_path):
    names = [f"c{number}" for number in range(6)]
    cases = [_case(name, ("low",), {"low": 0.1 * place, "high": 1 - 0.1 * place}) for place, name in enumerate(names)]
    (tmp_path / "overlay.png").write_bytes(b"picture")
    explained = [
        ExplainedCase(name, "grade", "high", {"lungs": 0.5}, [tmp_path / "overlay.png"]) for name in reversed(names[1:])
    ]
    section = _section(tmp_path, cases, classes=("low", "high"), explained=explained)
    assert [case["case_id"] for case in section["attention"]] == ["c1", "c2", "c3", "c4"]
    first = section["attention"][0]
    assert (first["class_name"], first["truth"], first["inside"]) == ("high", "low", {"lungs": 0.5})
    assert first["overlays"] == ["data:image/png;base64,cGljdHVyZQ=="]
    assert (tmp_path / "figures/grade_explained_c1.png").is_file()
