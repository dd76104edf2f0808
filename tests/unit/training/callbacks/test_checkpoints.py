import pandas as pd
import torch
from safetensors.torch import load_file

from medweave.runs.folder import RunFolder
from medweave.training.callbacks.checkpoints import RunCheckpoints


def test_the_weights_and_the_best_checkpoint_are_of_the_best_epoch(train_tiny, tmp_path):
    # One batch's statistics and a huge rate: the first epoch stays the best or not, but the score varies.
    run = train_tiny(tmp_path / "run", "optimizer={name: sgd, lr: 0.5}", "scheduler=constant").run
    history = pd.read_csv(run.metrics)
    best = int(history.loc[history["val/score"].idxmax(), "epoch"]) - 1
    checkpoint = torch.load(run.best_checkpoint, weights_only=True)
    assert checkpoint["epoch"] == best
    assert torch.load(run.last_checkpoint, weights_only=True)["epoch"] == len(history) - 1
    weights = load_file(run.weights)
    assert weights.keys() == {name.removeprefix("model.") for name in checkpoint["state_dict"]}
    assert all(torch.equal(weight, checkpoint["state_dict"][f"model.{name}"]) for name, weight in weights.items())


def test_a_checkpoint_holds_all_that_a_resume_needs(finished_run):
    checkpoint = torch.load(finished_run.last_checkpoint, weights_only=True)
    assert {"state_dict", "optimizer_states", "schedule", "loops", "callbacks", "StudyData"} <= checkpoint.keys()
    assert {"MetricsFile", "RunCheckpoints"} <= {name.split("{")[0] for name in checkpoint["callbacks"]}
    assert checkpoint["StudyData"] == {"next_epoch": 4}


def test_no_half_written_file_is_left(finished_run):
    assert sorted(path.name for path in finished_run.checkpoints.iterdir()) == ["best.ckpt", "last.ckpt"]


class Trainer:
    def __init__(self, name, value, epoch):
        self.callback_metrics, self.current_epoch = {name: torch.tensor(value)}, epoch


def _best_of(monitor, values, tmp_path):
    checkpoints = RunCheckpoints(RunFolder(tmp_path), monitor=monitor, lower_is_better=monitor == "val/loss")
    for epoch, value in enumerate(values):
        checkpoints.on_validation_end(Trainer(monitor, value, epoch), None)
    return checkpoints.best_epoch


def test_higher_scores_and_lower_losses_are_better_and_of_equals_the_first(tmp_path):
    assert _best_of("val/score", [0.5, 0.75, 0.75, 0.25], tmp_path) == 1
    assert _best_of("val/loss", [0.5, 0.75, 0.25, 0.25], tmp_path) == 2


def test_a_value_that_is_not_a_number_is_never_the_best(tmp_path):
    assert _best_of("val/loss", [float("nan"), 0.5, float("nan")], tmp_path) == 1


def test_the_best_so_far_outlives_a_resume(tmp_path):
    first, second = (RunCheckpoints(RunFolder(tmp_path), monitor="val/score", lower_is_better=False) for _ in range(2))
    first.on_validation_end(Trainer("val/score", 0.75, 3), None)
    second.load_state_dict(first.state_dict())
    second.on_validation_end(Trainer("val/score", 0.5, 4), None)
    assert (second.best_epoch, second.best_value) == (3, 0.75)
