"""Running the loop."""

import logging
import os
import signal
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.loggers import TensorBoardLogger

from medweave.core.errors import RunError
from medweave.data.dataset import TrainingDataset
from medweave.inference.device import best_device
from medweave.runs.folder import RunFolder
from medweave.training.callbacks.checkpoints import RunCheckpoints
from medweave.training.callbacks.metrics_file import MetricsFile
from medweave.training.callbacks.progress import ProgressBar
from medweave.training.callbacks.resources import Resources
from medweave.training.callbacks.tensorboard import TensorBoardPictures
from medweave.training.callbacks.weight_average import WeightAverage
from medweave.training.data import StudyData
from medweave.training.memory import memory_explained
from medweave.training.module import MultiTaskModule
from medweave.training.precision import LIGHTNING_PRECISION
from medweave.training.study_case import StudyCase


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How the loop runs.

    Attributes:
        max_epochs: Epochs at most.
        batch_size: Samples in a batch.
        per_case: Samples of each case in an epoch.
        accumulate_batches: Batches in an optimizer step.
        gradient_clip_norm: Upper bound of the gradient's norm, or None.
        monitor: Value that stops the training early and chooses the best epoch.
        patience: Validations without improvement before stopping, or None.
        validate_every_epochs: Epochs between validations; the last epoch is always validated.
        precision: "float32", "bfloat16" or "float16".
        max_time: Longest duration as hours:minutes:seconds, or None.
        loader_workers: Processes that load and augment.
        seed: Of the data order and the samples.
        balance: Classification head whose classes are drawn equally often, or None.
        weight_average_epochs: Epochs that the moving average of the weights looks back, or None for no average.
    """

    max_epochs: int
    batch_size: int
    per_case: int
    accumulate_batches: int
    gradient_clip_norm: float | None
    monitor: str
    patience: int | None
    validate_every_epochs: int
    precision: str
    max_time: str | None
    loader_workers: int
    seed: int
    balance: str | None = None
    weight_average_epochs: float | None = None

    @property
    def lower_is_better(self) -> bool:
        """Whether the monitored value should fall."""
        return self.monitor.startswith("val/loss")

    def steps_per_epoch(self, cases: int) -> int:
        """Return the optimizer steps of an epoch over `cases` training cases."""
        batches = max(cases * self.per_case // self.batch_size, 1)
        return -(-batches // self.accumulate_batches)


@dataclass(frozen=True)
class Outcome:
    """How the loop ended.

    Attributes:
        epochs: Epochs completed.
        best_epoch: Epoch of the best validation, from 1.
        best_value: Its monitored value.
        history: Logged values of each epoch.
        ended: Why it ended there.
        ended_early: Whether there were epochs left.
    """

    epochs: int
    best_epoch: int
    best_value: float
    history: list[dict[str, float]]
    ended: str
    ended_early: bool


class _LastEpochIsValidated(Callback):
    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.max_epochs == trainer.current_epoch + 1:
            trainer.check_val_every_n_epoch = 1


class _StaysStopped(Callback):
    """Ends a resumed training that had been stopped early before it was interrupted."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        stopping = trainer.early_stopping_callback
        if stopping is not None and stopping.wait_count >= stopping.patience:
            trainer.should_stop = True


def fit(
    module: MultiTaskModule,
    *,
    training: TrainingDataset,
    validation: Sequence[StudyCase],
    settings: LoopSettings,
    run: RunFolder,
    resume: bool,
) -> Outcome:
    """Train until the recipe's end, an early stop or the time limit.

    Raises:
        RunError: The training was interrupted, the loss is no longer finite, or memory ran out; the run can be
            continued or used.
    """
    checkpoints = RunCheckpoints(run, monitor=settings.monitor, lower_is_better=settings.lower_is_better)
    metrics = MetricsFile(run)
    channels = {name: layout.channels for name, layout in training.inputs.items()}
    data = StudyData(
        training,
        validation,
        batch_size=settings.batch_size,
        per_case=settings.per_case,
        workers=settings.loader_workers,
        seed=settings.seed,
        balance=settings.balance,
    )
    # The checkpoint is written last, when every other callback has taken the epoch into its state.
    callbacks = [TensorBoardPictures(channels), metrics, ProgressBar(), checkpoints]
    if settings.weight_average_epochs is not None:
        steps = settings.weight_average_epochs * settings.steps_per_epoch(len(training))
        callbacks.insert(0, WeightAverage(steps))
    trainer = _build_trainer(settings, run, callbacks=callbacks)
    with memory_explained(), _explained(trainer, run):
        trainer.fit(
            module,
            datamodule=data,
            ckpt_path=run.last_checkpoint if resume else None,
            weights_only=True,
        )
    if checkpoints.best_epoch is None or checkpoints.best_value is None:
        raise RunError(
            f"the training ended before any validation gave a finite {settings.monitor}",
            where=run.path,
            fix="raise training.max_time, validate more often, or lower optimizer.lr.",
        )
    return Outcome(
        epochs=len(metrics.history),
        best_epoch=checkpoints.best_epoch + 1,
        best_value=checkpoints.best_value,
        history=metrics.history,
        ended=_why_ended(trainer, settings),
        ended_early=trainer.current_epoch < settings.max_epochs,
    )


def _why_ended(trainer: pl.Trainer, settings: LoopSettings) -> str:
    if any(isinstance(callback, EarlyStopping) and callback.stopped_epoch for callback in trainer.callbacks):  # type: ignore[attr-defined]
        return f"no better {settings.monitor} in {settings.patience} validations"
    if trainer.current_epoch < settings.max_epochs:
        return f"training.max_time, {settings.max_time}, was over"
    return f"all {settings.max_epochs} epochs were done"


def _build_trainer(settings: LoopSettings, run: RunFolder, *, callbacks: Sequence[Callback]) -> pl.Trainer:
    """Return Lightning's trainer for these settings, with the given callbacks after those that measure and stop."""
    measuring: list[Callback] = [_LastEpochIsValidated(), _StaysStopped(), Resources()]
    if settings.patience is not None:
        mode = "min" if settings.lower_is_better else "max"
        # Judged after the validation: at the epoch's end Lightning would call it after the checkpoint is written.
        measuring.append(
            EarlyStopping(settings.monitor, patience=settings.patience, mode=mode, check_on_train_epoch_end=False)
        )
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return pl.Trainer(
        max_epochs=settings.max_epochs,
        max_time=_days(settings.max_time),
        accelerator=best_device().type,
        devices=1,
        precision=LIGHTNING_PRECISION[settings.precision],  # type: ignore[arg-type]
        accumulate_grad_batches=settings.accumulate_batches,
        gradient_clip_val=settings.gradient_clip_norm,
        check_val_every_n_epoch=min(settings.validate_every_epochs, settings.max_epochs),
        num_sanity_val_steps=0,
        logger=TensorBoardLogger(run.path, name=run.tensorboard.name, version=""),
        callbacks=[*measuring, *callbacks],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@contextmanager
def _explained(trainer: pl.Trainer, run: RunFolder) -> Iterator[None]:
    """Turn a Ctrl-C, a killed loader or a lost loss into a RunError; keep Lightning's warnings and handler inside."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            warnings.filterwarnings("ignore", module="torch.jit")
            yield
    except FloatingPointError as error:
        raise RunError(
            str(error), where=run.path, fix="lower optimizer.lr, or set training.precision to float32."
        ) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise RunError(
            "a loader process was killed, perhaps since memory ran out",
            where=run.path,
            got=str(error).strip(),
            fix="set training.loader_workers=0 in a new run, or close other programs and continue with --resume.",
        ) from error
    except SystemExit as error:  # Lightning's answer to Ctrl-C
        raise _interruption(run, epoch=trainer.current_epoch + 1) from error
    finally:
        signal.signal(signal.SIGINT, handler)


def _interruption(run: RunFolder, *, epoch: int) -> RunError:
    is_fold = RunFolder(run.path.resolve().parent).is_ensemble
    if run.last_checkpoint.is_file() or is_fold:  # a fold without a checkpoint is begun again
        what, fix = (
            "the run holds all up to the last whole epoch",
            "continue it with the same `medweave train` command and --resume.",
        )
    else:
        what, fix = "no epoch is whole yet, so there is nothing to continue", "remove the folder and begin again."
    return RunError(f"interrupted in epoch {epoch}; {what}", where=run.path, fix=fix)


def default_workers() -> int:
    """Return the number of loader processes for this machine: one core is left to the network, eight are enough."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores - 1, 0), 8)


def _days(hours_minutes_seconds: str | None) -> str | None:
    """Turn hours:minutes:seconds into Lightning's days:hours:minutes:seconds."""
    if hours_minutes_seconds is None:
        return None
    hours, minutes, seconds = (int(part) for part in hours_minutes_seconds.split(":"))
    return f"{hours // 24:02d}:{hours % 24:02d}:{minutes:02d}:{seconds:02d}"
