import numpy as np
import pytest

from medweave.figures.confusion import confusion_figure
from medweave.figures.page import DOTS_PER_INCH


def _texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_cells_hold_counts_and_percent_of_the_true_class():
    figure = confusion_figure(np.array([[8, 2], [1, 3]]), classes=["a", "b"])
    assert _texts(figure) == ["8\n80%", "2\n20%", "1\n25%", "3\n75%"]
    assert figure.axes[0].images[0].get_array().tolist() == [[0.8, 0.2], [0.25, 0.75]]


def test_rows_are_the_truth_and_name_their_number_of_cases():
    axes = confusion_figure(np.array([[8, 2], [1, 3]]), classes=["COVID-19", "Lung_Opacity"]).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["COVID-19\n(n = 10)", "Lung Opacity\n(n = 4)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["COVID-19", "Lung Opacity"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true", "answered")


def test_a_class_without_cases_has_no_percentages():
    assert _texts(confusion_figure(np.array([[1, 0], [0, 0]]), classes=["a", "b"]))[2:] == ["0", "0"]


def test_many_classes_leave_room_for_the_counts_alone():
    assert _texts(confusion_figure(np.eye(9, dtype=int), classes=list("abcdefghi")))[0] == "1"


@pytest.mark.parametrize(("names", "rotation"), [(["a", "b"], 0), (["a very long name of a class"] * 2, 35)])
def test_names_that_do_not_fit_beside_each_other_are_turned(names, rotation):
    axes = confusion_figure(np.eye(2, dtype=int), classes=names).axes[0]
    assert axes.get_xticklabels()[0].get_rotation() == rotation


def test_the_picture_has_900_by_750_pixels():
    figure = confusion_figure(np.eye(2, dtype=int), classes=["a", "b"])
    assert (figure.get_size_inches() * DOTS_PER_INCH).tolist() == [900, 750]


def test_each_label_has_a_row_of_its_truth_and_answers():
    matrices = np.array([[[8, 2], [1, 3]], [[14, 0], [0, 0]]])
    figure = confusion_figure(matrices, classes=["nodule", "pleural_effusion"])
    assert _texts(figure) == ["8\n80%", "2\n20%", "1\n25%", "3\n75%", "14\n100%", "0\n0%", "0", "0"]
    assert figure.axes[0].images[0].get_array().tolist() == [[0.8, 0.2, 0.25, 0.75], [1, 0, 0, 0]]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["nodule", "pleural effusion"]
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == [
        "no,\nanswered no",
        "no,\nanswered yes",
        "yes,\nanswered no",
        "yes,\nanswered yes",
    ]
