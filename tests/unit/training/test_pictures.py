from types import SimpleNamespace

import pytest

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
    # A head that the measurements alone answer has no course.
    data = SimpleNamespace(segmentation_heads={"heart": None}, classification_heads={"diagnosis": None})
    outcome = Outcome(
        epochs=1, best_epoch=1, best_value=0.5, history=HISTORY, ended="all 1 epochs were done", ended_early=False
    )
    pictures.save_curves(outcome, recipe=SimpleNamespace(data=data, network_classes={}), folder=RunFolder(tmp_path))
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "dice_curve.png",
        "learning_rate_curve.png",
        "loss_curve.png",
        "score_curve.png",
        "training_curves.png",
    ]


def test_the_classes_are_drawn(drawn, tmp_path):
    counts = {"head": {"train": {"low": 1, "high": 1}}}
    pictures.save_class_distribution(counts, folder=RunFolder(tmp_path))
    assert drawn == {**counts, "path": tmp_path / "figures/class_distribution.png"}


def test_a_study_without_classes_has_no_such_picture(tmp_path):
    pictures.save_class_distribution({}, folder=RunFolder(tmp_path))
    assert list(tmp_path.iterdir()) == []
