from types import SimpleNamespace

import pytest
import torch

from medweave.training.callbacks.progress import ProgressBar


@pytest.fixture
def bar():
    progress = ProgressBar()
    yield progress
    progress.on_exception(None, None, KeyboardInterrupt())


def _trainer(epoch, **metrics):
    values = {name.replace("__", "/"): torch.tensor(value) for name, value in metrics.items()}
    return SimpleNamespace(current_epoch=epoch, max_epochs=4, num_training_batches=3, callback_metrics=values)


def test_the_bar_counts_batches_over_the_whole_training(bar):
    bar.on_train_start(_trainer(0), None)
    for batch in range(3):
        bar.on_train_batch_end(_trainer(0), None, None, None, batch)
    (task,) = bar._progress.tasks
    assert (task.completed, task.total) == (3, 12)


def test_a_resumed_training_begins_where_it_was(bar):
    bar.on_train_start(_trainer(2), None)
    assert bar._progress.tasks[0].completed == 6


def test_an_epoch_is_described_by_its_number_loss_and_score(bar):
    bar.on_train_start(_trainer(0), None)
    bar.on_train_epoch_start(_trainer(1), None)
    (task,) = bar._progress.tasks
    assert (task.description, task.fields["values"]) == ("epoch 2/4", "")
    bar.on_train_epoch_end(_trainer(1, train__loss=0.5, val__score=0.75), None)
    bar.on_train_epoch_start(_trainer(2), None)
    assert (task.description, task.fields["values"]) == ("epoch 3/4", "loss 0.500, score 0.750")


def test_an_epoch_without_validation_shows_its_loss_alone(bar):
    bar.on_train_start(_trainer(0), None)
    bar.on_train_epoch_end(_trainer(0, train__loss=0.5), None)
    assert bar._progress.tasks[0].fields["values"] == "loss 0.500"


def test_the_bar_is_on_standard_error_and_stops_at_the_end(bar, capsys):
    bar.on_train_start(_trainer(0), None)
    bar.on_train_end(_trainer(4), None)
    assert bar._progress.live.is_started is False
    assert capsys.readouterr().out == ""
