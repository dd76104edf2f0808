"""Checkpoints and weights, written atomically."""

import math
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from safetensors.torch import save_file

from medweave.core.files import atomic_path
from medweave.runs.folder import RunFolder


class RunCheckpoints(Callback):
    """Writes checkpoints/last.ckpt after every epoch, and best.ckpt and model.safetensors after the best validation.

    Args:
        run: Where to write.
        monitor: Value that chooses the best.
        lower_is_better: Of that value.
    """

    def __init__(self, run: RunFolder, *, monitor: str, lower_is_better: bool) -> None:
        self.run = run
        self.monitor = monitor
        self.sign = -1.0 if lower_is_better else 1.0
        self.best_value: float | None = None
        self.best_epoch: int | None = None
        self._is_best_pending = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Compare the monitored value with the best so far."""
        value = float(trainer.callback_metrics[self.monitor])
        if math.isfinite(value) and (self.best_value is None or self.sign * value > self.sign * self.best_value):
            self.best_value, self.best_epoch = value, trainer.current_epoch
            self._is_best_pending = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write what the epoch left."""
        checkpoint = trainer._checkpoint_connector.dump_checkpoint()
        if self._is_best_pending:
            self._is_best_pending = False
            _save(checkpoint, self.run.best_checkpoint)
            # Of the checkpoint, not of the module: an average of the weights is in the former only.
            weights = {
                name.removeprefix("model."): tensor.contiguous().cpu()
                for name, tensor in checkpoint["state_dict"].items()
                if name.startswith("model.")
            }
            with atomic_path(self.run.weights) as temporary:
                save_file(weights, temporary)
        _save(checkpoint, self.run.last_checkpoint)

    def state_dict(self) -> dict[str, Any]:
        """Return the best value and its epoch."""
        return {"best_value": self.best_value, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from the best value of a checkpoint."""
        self.best_value, self.best_epoch = state_dict["best_value"], state_dict["best_epoch"]


def _save(checkpoint: dict[str, Any], path: Path) -> None:
    with atomic_path(path) as temporary:
        torch.save(checkpoint, temporary)
