import pytest

from medweave.training.folds import alarm_lines, collapsed_folds, folds_markdown, summarise_folds


def _folds(*scores):
    return {f"fold_{number}": {"val/score": score} for number, score in enumerate(scores, start=1)}


@pytest.mark.parametrize(
    ("scores", "collapsed"),
    [
        ((0.90, 0.88, 0.91, 0.89, 0.90), []),
        ((0.90, 0.88, 0.91, 0.12, 0.90), ["fold_4"]),
        ((0.90, 0.12, 0.91, 0.10, 0.90), ["fold_2", "fold_4"]),
        ((0.90, 0.81, 0.90, 0.90, 0.90), []),  # a drop of 0.09 below folds that are all alike
        ((0.90, 0.79, 0.90, 0.90, 0.90), ["fold_2"]),
        ((0.50, 0.60, 0.70, 0.80, 0.90), []),  # folds that are spread as much as these
        ((0.90, 0.20), ["fold_2"]),
        ((0.90, 0.85), []),
    ],
)
def test_a_score_far_below_the_other_folds_is_a_collapse(scores, collapsed):
    assert list(collapsed_folds(_folds(*scores))) == collapsed


def test_the_limit_is_three_deviations_below_the_median_of_the_others():
    # The others' median is 0.8, their median absolute deviation 0.1: the limit is 0.8 - 3 x 1.4826 x 0.1 = 0.35522.
    others = (0.7, 0.7, 0.8, 0.9, 0.9)
    assert collapsed_folds(_folds(*others, 0.356)) == {}
    assert list(collapsed_folds(_folds(*others, 0.355))) == ["fold_6"]


def test_a_structure_that_is_never_found_is_a_collapse_whatever_the_score():
    folds = _folds(0.9, 0.9, 0.9)
    folds["fold_2"] |= {"val/dice_heart_atrium": 0.0, "val/dice_heart_ventricle": 0.9, "val/loss_heart": 0.0}
    assert collapsed_folds(folds) == {"fold_2": ["heart_atrium was found in no validation case (Dice 0)"]}


def test_alarms_are_lines_that_name_the_fold_and_the_reason():
    lines = alarm_lines(collapsed_folds(_folds(0.9, 0.1, 0.9)))
    assert lines == ["fold_2 collapsed: val/score 0.100, far below the median of the other folds, 0.900"]


def _summary(score, dice, *, seconds):
    return {
        "recipe": "heart",
        "monitor": "val/loss",
        "best_value": 0.3,
        "best_epoch": 2,
        "epochs": 3,
        "seconds": seconds,
        "parameters": 1234,
        "seed": 42,
        "precision": "float32",
        "cases": {"train": 6, "val": 2, "test": 4},
        "at_best_epoch": {"val/score": score, "val/dice_heart_atrium": dice},
        "measurement_classifiers": {},
    }


def test_the_summary_holds_every_fold_their_mean_and_the_alarms():
    folds = {"fold_1": _summary(0.8, 0.8, seconds=60.0), "fold_2": _summary(0.0, 0.0, seconds=120.0)}
    summary = summarise_folds(folds, measured={}, n_test=4, seconds=200.04)
    assert summary["score"] == {"mean": 0.4, "lowest": 0.0, "highest": 0.8}
    assert summary["cases"] == {"train and val": 8, "test": 4}
    assert [found["score"] for found in summary["folds"].values()] == [0.8, 0.0]
    assert summary["seconds"] == 200.0
    assert len(summary["alarms"]["fold_2"]) == 2
    page = folds_markdown(summary)
    assert "| [fold_1](fold_1/training_summary.md) | 6 | 2 | 0.8000 | 2 of 3 | 1.0 |" in page
    assert "**Alarm: fold_2 collapsed: val/score 0.000, far below" in page
    assert "**Mean val/score of 2 folds: 0.4000** (0.0000 to 0.8000)." in page
