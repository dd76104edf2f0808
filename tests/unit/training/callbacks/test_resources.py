import time

import psutil
import pytest

from medweave.training.callbacks.resources import Resources


class Module:
    def __init__(self):
        self.logged = {}

    def log(self, name, value):
        self.logged[name] = value


def test_waiting_is_the_time_between_steps_but_not_before_the_first(monkeypatch):
    clock = iter([0.0, 0.0, 5.0, 6.0, 7.0, 9.0, 20.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    resources, module = Resources(), Module()
    resources.on_train_epoch_start(None, module)
    resources.on_train_batch_start(None, module, None, 0)
    resources.on_train_batch_end(None, module, None, None, 0)
    resources.on_train_batch_start(None, module, None, 1)
    resources.on_train_batch_end(None, module, None, None, 1)
    resources.on_train_epoch_end(None, module)
    assert module.logged["resources/loader_wait"] == pytest.approx(1 / 4)
    assert module.logged["resources/seconds"] == 20.0


def test_memory_is_this_process_resident_set():
    resources, module = Resources(), Module()
    resources.on_train_epoch_end(None, module)
    held = psutil.Process().memory_info().rss / 2**20
    assert module.logged["resources/cpu_rss_mb"] == pytest.approx(held, rel=0.1)


def test_the_memory_of_a_gpu_is_the_most_of_the_epoch(monkeypatch):
    most, reset = 3 * 2**20, []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.reset_peak_memory_stats", lambda: reset.append("epoch starts"))
    monkeypatch.setattr("torch.cuda.max_memory_allocated", lambda: most)
    monkeypatch.setattr("torch.cuda.memory_reserved", lambda: 4 * 2**20)
    resources, module = Resources(), Module()
    resources.on_train_epoch_start(None, module)
    assert reset == ["epoch starts"]
    resources.on_train_epoch_end(None, module)
    assert module.logged["resources/gpu_allocated_mb"] == 3.0
    assert module.logged["resources/gpu_reserved_mb"] == 4.0
