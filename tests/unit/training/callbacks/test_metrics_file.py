from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from medweave.runs.folder import RunFolder
from medweave.training.callbacks.metrics_file import MetricsFile


def _trainer(epoch, **values):
    optimizer = SimpleNamespace(param_groups=[{"lr": 0.5}])
    metrics = {name.replace("__", "/"): torch.tensor(value) for name, value in values.items()}
    return SimpleNamespace(current_epoch=epoch, optimizers=[optimizer], callback_metrics=metrics)


def test_a_run_has_a_row_an_epoch_with_every_value(finished_run):
    table = pd.read_csv(finished_run.metrics)
    assert table["epoch"].tolist() == [1, 2, 3, 4]
    wanted = [
        "lr",
        "train/loss",
        "train/loss_heart",
        "val/loss",
        "val/loss_heart",
        "val/score",
        "val/dice_heart_left_atrium",
    ]
    wanted += ["resources/seconds", "resources/loader_wait", "resources/cpu_rss_mb"]
    assert set(wanted) <= set(table)
    assert table[wanted].notna().all().all()
    assert table["lr"].tolist() == pytest.approx([0.01, 0.0075, 0.0025, 0.0], abs=1e-6)
    assert table["val/score"].tolist() == table["val/dice_heart_left_atrium"].tolist()
    assert table["train/loss"].iloc[-1] < table["train/loss"].iloc[0]


def test_an_epoch_without_validation_has_empty_cells(tmp_path):
    run = RunFolder(tmp_path)
    metrics = MetricsFile(run)
    metrics.on_validation_end(None, None)
    metrics.on_train_epoch_end(_trainer(0, train__loss=1.0, val__score=0.5), None)
    metrics.on_train_epoch_end(_trainer(1, train__loss=0.5, val__score=0.5), None)
    assert run.metrics.read_text() == "epoch,lr,train/loss,val/score\n1,0.5,1,0.5\n2,0.5,0.5,\n"


def test_the_history_outlives_a_resume(tmp_path):
    first, second = MetricsFile(RunFolder(tmp_path)), MetricsFile(RunFolder(tmp_path))
    first.on_train_epoch_end(_trainer(0, train__loss=1.0), None)
    second.load_state_dict(first.state_dict())
    second.on_train_epoch_end(_trainer(1, train__loss=0.5), None)
    assert second.run.metrics.read_text().splitlines() == ["epoch,lr,train/loss", "1,0.5,1", "2,0.5,0.5"]
