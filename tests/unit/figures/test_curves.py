import pytest

from medweave.figures.curves import training_curves


def _history(epochs, *, validate_every=1):
    rows = []
    for epoch in range(epochs):
        row = {"epoch": float(epoch), "lr": 0.1 / (epoch + 1), "train/loss": 1 / (epoch + 1)}
        if (epoch + 1) % validate_every == 0:
            row |= {"val/loss": 2 / (epoch + 1), "val/score": epoch / epochs}
            row |= {"val/dice_heart_left_atrium": epoch / epochs, "val/dice_heart_aorta": 0.5}
        rows.append(row)
    return rows


def _lines(axes):
    """Label and points of each drawn series."""
    return {line.get_label(): line.get_xydata().tolist() for line in axes.lines if not line.get_label().startswith("_")}


def test_each_panel_holds_its_series_by_epoch_from_one():
    loss, score, dice, rate = training_curves(_history(3), best_epoch=2).axes
    assert _lines(loss)["training"] == [[1, 1], [2, 1 / 2], [3, 1 / 3]]
    assert _lines(loss)["validation"] == [[1, 2], [2, 1], [3, 2 / 3]]
    assert _lines(score)["score"] == [[1, 0], [2, 1 / 3], [3, 2 / 3]]
    assert sorted(_lines(dice)) == ["heart aorta", "heart left atrium"]
    assert _lines(rate)["learning rate"][2] == pytest.approx([3, 0.1 / 3])


def test_epochs_without_validation_leave_no_point():
    _, score, *_ = training_curves(_history(6, validate_every=3), best_epoch=5).axes
    assert [x for x, _ in _lines(score)["score"]] == [3, 6]


@pytest.mark.parametrize(("epochs", "validate_every"), [(1, 1), (6, 3), (100, 10)])
def test_all_panels_share_their_epochs_from_the_first_to_the_last(epochs, validate_every):
    axes = training_curves(_history(epochs, validate_every=validate_every), best_epoch=0).axes
    limits = {axis.get_xlim() for axis in axes}
    assert len(limits) == 1
    ((first, last),) = limits
    assert 0.031 * epochs >= 1 - first > 0
    assert 0.031 * epochs >= last - epochs > 0


def test_epochs_are_whole_numbers():
    figure = training_curves(_history(3), best_epoch=0)
    assert all(tick == int(tick) for axis in figure.axes for tick in axis.get_xticks())


def test_the_best_epoch_is_marked_in_every_panel_and_named_once():
    figure = training_curves(_history(4), best_epoch=1)
    for axis in figure.axes:
        assert [2, 2] in [list(line.get_xdata()) for line in axis.lines]
    assert [text.get_text() for axis in figure.axes for text in axis.texts] == ["best: epoch 2"]


def test_scores_are_drawn_from_zero_to_one():
    _, score, dice, _ = training_curves(_history(4), best_epoch=1).axes
    assert (score.get_ylim(), dice.get_ylim()) == ((0, 1), (0, 1))
