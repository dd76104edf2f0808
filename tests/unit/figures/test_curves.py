from functools import partial

import pytest

from medweave.figures.curves import single_curves, training_curves
from medweave.figures.page import DOTS_PER_INCH

segmentation_curves = partial(training_curves, segmentation_heads=["heart"], classification_heads=[])
BOTH = {"segmentation_heads": ["lungs"], "classification_heads": ["diagnosis"]}


def _history(epochs, *, validate_every=1):
    rows = []
    for epoch in range(epochs):
        row = {"epoch": epoch + 1.0, "lr": 0.1 / (epoch + 1), "train/loss": 1 / (epoch + 1)}
        if (epoch + 1) % validate_every == 0:
            row |= {"val/loss": 2 / (epoch + 1), "val/score": epoch / epochs}
            row |= {"val/dice_heart_left_atrium": epoch / epochs, "val/dice_heart_aorta": 0.5}
        rows.append(row)
    return rows


def _lines(axes):
    """Label and points of each drawn series."""
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines if not line.get_label().startswith("_")}


def test_each_panel_holds_its_series_by_epoch_from_one():
    loss, score, dice, rate = segmentation_curves(_history(3), best_epoch=3).axes
    assert _lines(loss)["training"] == [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    assert _lines(loss)["validation"] == [[1, 2], [2, 1], [3, 2 / 3]]
    assert _lines(score)["score"] == [[1, 0], [2, 1 / 3], [3, 2 / 3]]
    assert sorted(_lines(dice)) == ["aorta", "left_atrium"]
    assert _lines(rate)["learning rate"][2] == pytest.approx([3, 0.1 / 3])


def test_epochs_without_validation_leave_no_point():
    _, score, *_ = segmentation_curves(_history(6, validate_every=3), best_epoch=6).axes
    assert [x for x, _ in _lines(score)["score"]] == [3, 6]


@pytest.mark.parametrize(("epochs", "validate_every"), [(1, 1), (6, 3), (100, 10)])
def test_all_panels_share_their_epochs_from_the_first_to_the_last(epochs, validate_every):
    axes = segmentation_curves(_history(epochs, validate_every=validate_every), best_epoch=1).axes
    limits = {axis.get_xlim() for axis in axes}
    assert len(limits) == 1
    ((first, last),) = limits
    assert 0.031 * epochs >= 1 - first > 0
    assert 0.031 * epochs >= last - epochs > 0


def test_epochs_are_whole_numbers():
    figure = segmentation_curves(_history(3), best_epoch=1)
    assert all(tick == int(tick) for axis in figure.axes for tick in axis.get_xticks())


def test_the_best_epoch_is_marked_in_every_panel_and_named_once():
    figure = segmentation_curves(_history(4), best_epoch=2)
    for axis in figure.axes:
        assert [2, 2] in [list(line.get_xdata()) for line in axis.lines]
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["best: epoch 2"]


def test_scores_are_drawn_from_zero_to_one():
    _, score, dice, _ = segmentation_curves(_history(4), best_epoch=2).axes
    assert (score.get_ylim(), dice.get_ylim()) == ((0, 1), (0, 1))
    assert not score.lines[0].get_clip_on()  # at 1 it is drawn as thick as below


def _history_of_both_kinds(epochs):
    return [
        row
        | {f"{part}/loss_{head}": 1 / (epoch + 1) for part in ("train", "val") for head in ("lungs", "diagnosis")}
        | {"val/accuracy_diagnosis": 0.5, "val/auc_diagnosis": 0.6, "val/dice_lungs_left": 0.7}
        for epoch, row in enumerate(_history(epochs))
    ]


def _titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_a_study_of_both_kinds_has_six_panels_on_a_page_of_2700_by_1800_pixels():
    figure = training_curves(_history_of_both_kinds(4), best_epoch=2, **BOTH)
    assert _titles(figure) == [
        "Total loss",
        "Segmentation loss",
        "Classification loss",
        "Validation accuracy",
        "Validation Dice",
        "Validation AUC",
    ]
    assert (figure.get_size_inches() * DOTS_PER_INCH).tolist() == pytest.approx([2700, 1800])
    assert {label: points[0] for label, points in _lines(figure.axes[2]).items()} == {
        "training": [1, 1],
        "validation": [1, 1],
    }
    assert _lines(figure.axes[5])["diagnosis"][0] == [1, 0.6]


def test_a_study_of_classes_alone_has_no_panel_for_dice():
    figure = training_curves(
        _history_of_both_kinds(4), best_epoch=2, segmentation_heads=[], classification_heads=["diagnosis"]
    )
    assert _titles(figure) == ["Total loss", "Validation accuracy", "Validation AUC", "Learning rate"]


def test_the_dice_of_a_head_is_not_that_of_another_whose_name_begins_alike():
    history = [row | {"val/dice_heart2_aorta": 0.1} for row in _history(3)]
    assert sorted(_lines(segmentation_curves(history, best_epoch=1).axes[2])) == ["aorta", "left_atrium"]


def test_names_are_as_in_the_recipe_and_heads_are_told_apart():
    rows = [{"epoch": 1.0, "val/dice_heart_rv": 0.5, "val/dice_heart_es_rv": 0.25}]
    figure = training_curves(rows, best_epoch=1, segmentation_heads=["heart_es", "heart"], classification_heads=[])
    assert _lines(figure.axes[2]) == {"heart, rv": [[1, 0.5]], "heart_es, rv": [[1, 0.25]]}


def test_what_was_never_logged_leaves_an_empty_panel():
    history = [{"epoch": 1.0, "lr": 0.1, "train/loss": 1.0}]
    heads = {"segmentation_heads": [], "classification_heads": ["grade", "stage"]}
    assert _lines(training_curves(history, best_epoch=1, **heads).axes[2]) == {}


def test_each_quantity_has_a_picture_of_its_own():
    figures = single_curves(_history_of_both_kinds(4), best_epoch=2, **BOTH)
    assert list(figures) == [
        "loss_curve",
        "seg_loss_curve",
        "cls_loss_curve",
        "accuracy_curve",
        "dice_curve",
        "val_auc_curve",
    ]
    for figure in figures.values():
        assert (figure.get_size_inches() * DOTS_PER_INCH).tolist() == [1050, 600]
        assert [text.get_text() for text in figure.axes[0].texts] == ["best: epoch 2"]


def test_several_heads_of_a_kind_share_a_panel():
    history = [row | {"train/loss_a": 1.0, "val/loss_b": 2.0} for row in _history_of_both_kinds(2)]
    heads = {"segmentation_heads": ["lungs"], "classification_heads": ["a", "b"]}
    figure = training_curves(history, best_epoch=1, **heads)
    assert sorted(_lines(figure.axes[2])) == ["a, training", "b, validation"]
