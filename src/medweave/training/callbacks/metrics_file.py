"""metrics.csv: a row an epoch."""

import csv
import io
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from medweave.core.files import write_text
from medweave.runs.folder import RunFolder


class MetricsFile(Callback):
    """Keeps the history of every logged value and rewrites metrics.csv after each epoch.

    Epochs count from 1. `lr` is the learning rate that the epoch left. Values that an epoch does not have (validation,
    where it is not due) are left empty. The history is part of the checkpoint, so that a resumed training continues the
    file of the unbroken one.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.history: list[dict[str, float]] = []
        self._validated = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that this epoch has validation values of its own."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Append the epoch's row."""
        row = {"epoch": float(trainer.current_epoch + 1), "lr": trainer.optimizers[0].param_groups[0]["lr"]}
        for name, value in trainer.callback_metrics.items():
            if self._validated or not name.startswith("val/"):
                row[name] = float(value)
        self._validated = False
        self.history.append(row)
        write_text(self.run.metrics, self._as_csv())

    def _as_csv(self) -> str:
        names = list(dict.fromkeys(name for row in self.history for name in row))
        stream = io.StringIO()
        writer = csv.DictWriter(stream, names, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _short(name, value) for name, value in row.items()} for row in self.history)
        return stream.getvalue()

    def state_dict(self) -> dict[str, Any]:
        """Return the history."""
        return {"history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the history of a checkpoint."""
        self.history = state_dict["history"]


def _short(name: str, value: float) -> str:
    return str(int(value)) if name == "epoch" else f"{value:.6g}"
