"""How long epochs take, how long steps wait for data, and how much memory is used."""

import time
from collections.abc import Mapping
from typing import Any

import psutil
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback


class Resources(Callback):
    """Measures an epoch: its seconds, the share of them spent waiting for the loader, the memory held.

    Logged as `resources/…` beside the other values: seconds, loader_wait (a share of the training time), cpu_rss_mb,
    and on a GPU gpu_allocated_mb (the most at any moment of the epoch) and gpu_reserved_mb.
    """

    def __init__(self) -> None:
        self._epoch_start = self._batch_end = time.perf_counter()
        self._waited = self._trained = 0.0

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clocks."""
        self._epoch_start = self._batch_end = time.perf_counter()
        self._waited = self._trained = 0.0
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the time since the last step as waiting; the first batch of an epoch, which fills the pipe, is not."""
        self._batch_start = time.perf_counter()
        if batch_idx > 0:
            self._waited += self._batch_start - self._batch_end

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: torch.Tensor | Mapping[str, Any] | None,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Count the step."""
        self._batch_end = time.perf_counter()
        self._trained += self._batch_end - self._batch_start

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the epoch."""
        values = {
            "seconds": time.perf_counter() - self._epoch_start,
            "loader_wait": self._waited / max(self._waited + self._trained, 1e-9),
            "cpu_rss_mb": psutil.Process().memory_info().rss / 2**20,
        }
        if torch.cuda.is_available():
            values["gpu_allocated_mb"] = torch.cuda.max_memory_allocated() / 2**20
            values["gpu_reserved_mb"] = torch.cuda.memory_reserved() / 2**20
        for name, value in values.items():
            pl_module.log(f"resources/{name}", value)
