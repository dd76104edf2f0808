import os
import shutil
import signal
import socket

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from medweave.core.errors import RecipeError, RunError
from medweave.losses.loss import MultiTaskLoss
from medweave.training.module import MultiTaskModule
from medweave.training.trainer import LoopSettings, default_workers
from medweave.workflows import train

SETTINGS = {
    "max_epochs": 10,
    "batch_size": 2,
    "per_case": 1,
    "accumulate_batches": 1,
    "gradient_clip_norm": None,
    "monitor": "val/score",
    "patience": None,
    "validate_every_epochs": 1,
    "precision": "float32",
    "max_time": None,
    "loader_workers": 0,
    "seed": 0,
}
#: Nothing is learned, and no statistics are gathered.
WITHOUT_PROGRESS = ("optimizer.lr=0", "model.encoders.mri.norm=instance", "model.heads.heart.norm=instance")


def _interrupt_at(monkeypatch, *, epoch, batch=0):
    """Press Ctrl-C when a batch of an epoch begins."""
    step = MultiTaskModule.training_step

    def training_step(self, data, batch_index):
        if (self.current_epoch, batch_index) == (epoch, batch):
            os.kill(os.getpid(), signal.SIGINT)
        return step(self, data, batch_index)

    monkeypatch.setattr(MultiTaskModule, "training_step", training_step)


def _without_measurements(run):
    table = pd.read_csv(run.metrics)
    return table[[name for name in table if not name.startswith("resources/")]]


def _assert_same_run(left, right):
    pd.testing.assert_frame_equal(_without_measurements(left), _without_measurements(right), check_exact=True)
    for name in ("last_checkpoint", "best_checkpoint"):
        one, other = (torch.load(getattr(run, name), weights_only=True) for run in (left, right))
        assert _differences(_resumable(one), _resumable(other)) == []
    weights, others = load_file(left.weights), load_file(right.weights)
    assert [name for name in weights if not torch.equal(weights[name], others[name])] == []


def _resumable(checkpoint):
    metrics_file = checkpoint["callbacks"]["MetricsFile"]
    metrics_file["history"] = [
        {name: value for name, value in row.items() if not name.startswith("resources/")}
        for row in metrics_file["history"]
    ]
    return {key: checkpoint[key] for key in ("epoch", "global_step", "state_dict", "optimizer_states", "schedule")} | {
        "callbacks": checkpoint["callbacks"]
    }


def _differences(left, right, where=""):
    if isinstance(left, torch.Tensor):
        return [] if torch.equal(left, right) else [where]
    if isinstance(left, dict):
        assert left.keys() == right.keys(), where
        return [line for key in left for line in _differences(left[key], right[key], f"{where}/{key}")]
    if isinstance(left, list | tuple):
        assert len(left) == len(right), where
        return [line for i in range(len(left)) for line in _differences(left[i], right[i], f"{where}/{i}")]
    return [] if left == right else [f"{where}: {left!r} and {right!r}"]


@pytest.mark.parametrize(
    ("overrides", "interruption", "epochs"),
    [
        pytest.param([], {"epoch": 2, "batch": 1}, 4, id="cosine, in the middle of an epoch, with a worker"),
        pytest.param(
            [
                "training.loader_workers=0",
                "training.validate_every_epochs=2",
                "training.accumulate_batches=2",
                "optimizer.name=sgd",
            ],
            {"epoch": 1},
            4,
            id="no workers, validation every second epoch, accumulation, momentum",
        ),
        pytest.param(["scheduler={name: plateau, factor: 0.5, patience: 0}"], {"epoch": 3}, 4, id="plateau"),
        pytest.param(["training.weight_average_epochs=2"], {"epoch": 2}, 4, id="moving average of the weights"),
        pytest.param(
            [*WITHOUT_PROGRESS, "training.early_stopping.patience=2", "training.max_epochs=9"],
            {"epoch": 2},
            3,
            id="early stop after two validations without improvement",
        ),
    ],
)
def test_a_resumed_training_equals_the_unbroken_one_bit_for_bit(
    train_tiny, tmp_path, monkeypatch, overrides, interruption, epochs
):
    unbroken = train_tiny(tmp_path / "unbroken", *overrides)
    stops = "training.early_stopping.patience=2" in overrides
    ended = "no better val/score in 2 validations" if stops else f"all {epochs} epochs were done"
    assert (unbroken.summary["epochs"], unbroken.summary["ended"]) == (epochs, ended)
    assert unbroken.summary["ended_early"] is stops
    with monkeypatch.context() as patch:
        _interrupt_at(patch, **interruption)
        with pytest.raises(RunError, match=f"interrupted in epoch {interruption['epoch'] + 1}"):
            train_tiny(tmp_path / "broken", *overrides)
    torch.rand(7)
    resumed = train_tiny(tmp_path / "broken", *overrides, resume=True)
    _assert_same_run(resumed.run, unbroken.run)
    assert {**resumed.summary, "seconds": 0} == {**unbroken.summary, "seconds": 0}


def test_a_training_that_died_after_an_early_stop_does_not_train_on(train_tiny, tmp_path, monkeypatch):
    # At this learning rate the epoch after the stop is a better one.
    overrides = ["optimizer.lr=0.03", "training.early_stopping.patience=1", "training.max_epochs=20"]
    unbroken = train_tiny(tmp_path / "unbroken", *overrides)
    assert unbroken.summary["ended"] == "no better val/score in 1 validations"
    with monkeypatch.context() as patch:
        patch.setattr(train, "_calibrate", lambda *_: (_ for _ in ()).throw(MemoryError))
        with pytest.raises(MemoryError):
            train_tiny(tmp_path / "broken", *overrides)
    resumed = train_tiny(tmp_path / "broken", *overrides, resume=True)
    _assert_same_run(resumed.run, unbroken.run)
    assert {**resumed.summary, "seconds": 0} == {**unbroken.summary, "seconds": 0}


def test_a_resumed_training_of_classes_equals_the_unbroken_one_bit_for_bit(
    mixed_study, mixed_recipe, tmp_path, monkeypatch
):
    overrides = ["training.balance=side", "training.loss_weighting=uncertainty", "training.loader_workers=1"]

    def train_mixed(name, **settings):
        return train.run(mixed_recipe, data=mixed_study, output=tmp_path / name, overrides=overrides, **settings).run

    unbroken = train_mixed("unbroken")
    with monkeypatch.context() as patch:
        _interrupt_at(patch, epoch=1, batch=2)
        with pytest.raises(RunError, match="interrupted in epoch 2"):
            train_mixed("broken")
    torch.rand(7)
    _assert_same_run(train_mixed("broken", resume=True), unbroken)
    table = pd.read_csv(unbroken.metrics)
    heads = ("lesion", "side", "signs")
    logged = [f"{kind}_{head}" for kind in ("train/loss", "val/loss", "train/weight") for head in heads]
    logged += [f"val/{score}_{head}" for score in ("accuracy", "balanced_accuracy", "auc") for head in heads[1:]]
    assert table[logged].notna().all().all()
    of_heads = [table["val/dice_lesion_lesion"], *(table[f"val/balanced_accuracy_{head}"] for head in heads[1:])]
    assert table["val/score"].tolist() == pytest.approx(np.mean(of_heads, axis=0), abs=1e-5)
    assert table["val/loss"].tolist() == pytest.approx(sum(table[f"val/loss_{head}"] for head in heads), abs=1e-5)
    assert table["train/weight_side"].nunique() == 3
    events = EventAccumulator(str(unbroken.tensorboard)).Reload()
    assert {*logged} <= {*events.Tags()["scalars"]}


def test_a_training_goes_on_after_a_batch_without_any_truth(train_tiny, tmp_path, monkeypatch):
    forward, calls = MultiTaskLoss.forward, []

    def without_truth_at_first(self, *arguments):
        calls.append(self.training)
        return {} if len(calls) == 1 else forward(self, *arguments)

    monkeypatch.setattr(MultiTaskLoss, "forward", without_truth_at_first)
    result = train_tiny(tmp_path / "run", "training.max_epochs=1", "training.loader_workers=0")
    assert result.summary["epochs"] == 1
    assert calls.count(True) == 3
    assert result.summary["last_epoch"]["train/loss"] > 0


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_gradients_are_clipped_in_bfloat16_too(optimizer, train_tiny, tmp_path, monkeypatch):
    norms = []

    def step(self, *args, **kwargs):
        super(MultiTaskModule, self).optimizer_step(*args, **kwargs)
        norms.append(torch.nn.utils.get_total_norm(p.grad for p in self.parameters() if p.grad is not None).item())

    monkeypatch.setattr(MultiTaskModule, "optimizer_step", step)
    settings = ("training.precision=bfloat16", "training.gradient_clip_norm=0.001", "training.max_epochs=1")
    train_tiny(tmp_path / "run", *settings, f"optimizer.name={optimizer}")
    assert norms
    assert norms == pytest.approx([0.001] * len(norms), rel=0.01)


def test_the_same_command_gives_the_same_run_with_other_numbers_of_workers(train_tiny, finished_run, tmp_path):
    again = train_tiny(tmp_path / "run", "training.loader_workers=0").run
    pd.testing.assert_frame_equal(_without_measurements(again), _without_measurements(finished_run), check_exact=True)


def test_another_seed_gives_another_run(train_tiny, finished_run, tmp_path):
    other = train_tiny(tmp_path / "run", "training.seed=4", "training.max_epochs=1").run
    assert _without_measurements(other)["train/loss"][0] != _without_measurements(finished_run)["train/loss"][0]


def test_ctrl_c_ends_with_one_line_code_1_and_a_run_that_predicts(
    medweave, tiny_recipe, heart_study, tmp_path, monkeypatch
):
    handler = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        _interrupt_at(patch, epoch=1)
        ended = medweave("train", tiny_recipe, "--data", heart_study, "--output", tmp_path / "run")
    assert ended.code == 1
    assert ended.stderr.count("interrupted in epoch 2; the run holds all up to the last whole epoch") == 1
    assert "Traceback" not in ended.stderr
    assert signal.getsignal(signal.SIGINT) is handler
    image = next((heart_study / "imagesTr").iterdir())
    assert medweave("predict", tmp_path / "run", image, "--output", tmp_path / "predictions").code == 0
    assert len(list((tmp_path / "predictions").glob("*_heart.nii.gz"))) == 1


def test_resume_refuses_another_recipe_and_names_what_changed(train_tiny, finished_run):
    with pytest.raises(RunError, match=r"not the one that the run began with .*optimizer\.lr was 0\.01, is 0\.02"):
        train_tiny(finished_run.path, "optimizer.lr=0.02", resume=True)


def test_resume_refuses_a_finished_run(train_tiny, finished_run):
    with pytest.raises(RunError, match="the run is finished"):
        train_tiny(finished_run.path, resume=True)


def test_resume_refuses_other_data(train_tiny, heart_study, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _interrupt_at(patch, epoch=1)
        with pytest.raises(RunError, match="interrupted"):
            train_tiny(tmp_path / "run")
    shutil.copytree(heart_study, tmp_path / "data")
    images = sorted((tmp_path / "data/imagesTr").iterdir())
    shutil.copy(images[0], images[1])
    with pytest.raises(RunError, match=r"the data are not those that the run began with .*data"):
        train_tiny(tmp_path / "run", resume=True, data=tmp_path / "data")


def test_resume_refuses_a_run_interrupted_in_its_first_epoch(train_tiny, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _interrupt_at(patch, epoch=0)
        with pytest.raises(RunError, match=r"interrupted in epoch 1; no epoch is whole yet.*Fix: remove the folder"):
            train_tiny(tmp_path / "run")
    with pytest.raises(RunError, match="no checkpoint to continue from"):
        train_tiny(tmp_path / "run", resume=True)


def test_a_loss_that_is_not_a_number_is_a_run_error_with_a_fix(train_tiny, tmp_path):
    with pytest.raises(RunError, match=r"the loss is nan in epoch \d.*Fix: lower optimizer\.lr"):
        train_tiny(tmp_path / "run", "optimizer={name: sgd, lr: 1.0e+30}", "training.gradient_clip_norm=null")


def test_a_killed_loader_process_is_a_run_error_with_a_fix(train_tiny, tmp_path, monkeypatch):
    def killed(*_arguments):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")

    monkeypatch.setattr(MultiTaskModule, "training_step", killed)
    with pytest.raises(RunError, match=r"a loader process was killed.*pid 7.*Fix: set training\.loader_workers=0"):
        train_tiny(tmp_path / "run")


def test_the_end_of_a_gpu_s_memory_is_a_run_error_with_a_fix(train_tiny, tmp_path, monkeypatch):
    def too_large(*_arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(MultiTaskModule, "training_step", too_large)
    with pytest.raises(RunError, match=r"memory of the GPU is not enough.*Fix: lower training\.batch_size"):
        train_tiny(tmp_path / "run")


def test_a_time_limit_before_the_first_validation_is_a_run_error(train_tiny, tmp_path):
    with pytest.raises(RunError, match=r"ended before any validation gave a finite val/score.*training\.max_time"):
        train_tiny(tmp_path / "run", "training.max_time='0:00:00'", "training.validate_every_epochs=4")


def test_a_monitored_value_that_is_never_logged_is_refused_with_those_that_are(train_tiny, tmp_path):
    with pytest.raises(RecipeError, match=r"'val/iou'; one of val/score, val/loss, val/dice, val/loss_heart"):
        train_tiny(tmp_path / "run", "training.early_stopping.monitor=val/iou")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("cases", "changes", "steps"),
    [
        (10, {}, 5),
        (11, {}, 5),
        (1, {}, 1),
        (3, {"per_case": 4, "accumulate_batches": 4}, 2),
        (5, {"batch_size": 5}, 1),
    ],
)
def test_steps_of_an_epoch(cases, changes, steps):
    assert LoopSettings(**(SETTINGS | changes)).steps_per_epoch(cases) == steps


def test_only_a_loss_should_fall():
    monitors = ("val/loss", "val/loss_heart", "val/score", "val/dice_brain_blood_loss")
    settings = [LoopSettings(**(SETTINGS | {"monitor": monitor})) for monitor in monitors]
    assert [setting.lower_is_better for setting in settings] == [True, True, False, False]


def test_one_core_is_left_to_the_network(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(4)), raising=False)
    assert default_workers() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert default_workers() == 8
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert default_workers() == 0


def test_a_training_asks_nothing_of_the_network(train_tiny, tmp_path, monkeypatch):
    connect = socket.socket.connect

    def refuse(self, address):
        assert self.family == socket.AF_UNIX, f"a connection to {address}"
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert train_tiny(tmp_path / "run", "training.max_epochs=1").summary["epochs"] == 1
