from types import SimpleNamespace

import pytest

from medweave.data.case import Case
from medweave.data.split import Split
from medweave.data.study import TargetSource
from medweave.runs.folder import RunFolder
from medweave.training import pictures
from medweave.training.trainer import Outcome

HISTORY = [{"epoch": 1.0, "lr": 0.1, "train/loss": 1.0, "val/loss": 1.0, "val/score": 0.5}]


@pytest.fixture
def drawn(monkeypatch):
    """What is given to the drawing functions."""
    calls = {}

    def class_distribution_figure(targets):
        calls.update(targets)

    monkeypatch.setattr(pictures, "class_distribution_figure", class_distribution_figure)
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: calls.setdefault("path", path))
    return calls


def test_the_course_is_saved_on_one_page_and_by_quantity(tmp_path):
    data = SimpleNamespace(segmentation_heads={"heart": None}, classification_heads={})
    outcome = Outcome(
        epochs=1, best_epoch=1, best_value=0.5, history=HISTORY, ended="all 1 epochs were done", ended_early=False
    )
    pictures.save_curves(outcome, recipe=SimpleNamespace(data=data), folder=RunFolder(tmp_path))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "dice_curve.png",
        "learning_rate_curve.png",
        "loss_curve.png",
        "score_curve.png",
        "training_curves.png",
    ]


def test_classes_are_counted_by_part_without_cases_that_have_none(drawn, tmp_path):
    found = {"a": "low", "b": "high", "c": "low", "d": "unclear", "e": None}
    cases = {name: Case(name, name, {}, targets={"grade": of} if of else {}) for name, of in found.items()}
    targets = {"head": TargetSource("grade", ("low", "high"), ignore=("unclear",))}
    split = Split(train=("a", "b", "d"), val=("c",), test=("e",))
    pictures.save_class_distribution(cases, split=split, targets=targets, folder=RunFolder(tmp_path))
    assert drawn["head"] == {
        "train": {"low": 1, "high": 1},
        "val": {"low": 1, "high": 0},
        "test": {"low": 0, "high": 0},
    }
    assert drawn["path"] == tmp_path / "figures/class_distribution.png"


def test_each_label_of_a_case_counts(drawn, tmp_path):
    cases = {"a": Case("a", "a", {}, targets={"findings": "x|y"}), "b": Case("b", "b", {}, targets={"findings": ""})}
    targets = {"findings": TargetSource("findings", ("x", "y"), multi_label=True)}
    split = Split(train=("a", "b"), val=(), test=())
    pictures.save_class_distribution(cases, split=split, targets=targets, folder=RunFolder(tmp_path))
    assert drawn["findings"]["train"] == {"x": 1, "y": 1}


def test_a_study_without_classes_has_no_such_picture(tmp_path):
    pictures.save_class_distribution({}, split=Split((), (), ()), targets={}, folder=RunFolder(tmp_path))
    assert list(tmp_path.iterdir()) == []
