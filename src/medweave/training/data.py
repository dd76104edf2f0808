"""The loaders of a training."""

from collections.abc import Sequence
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from medweave.data.dataset import Batch, SeededSampler, TrainingDataset, collate
from medweave.training.study_case import StudyCase


class StudyData(pl.LightningDataModule):
    """Batches of training samples, and validation cases one by one.

    Args:
        training: Samples of the training cases.
        validation: The validation cases.
        batch_size: Samples in a batch; what is left of an epoch is dropped.
        per_case: Samples of each case in an epoch.
        workers: Processes that load and augment.
        seed: Of the data order and the samples.
        balance: Classification head whose classes are drawn equally often, or None.
    """

    def __init__(
        self,
        training: TrainingDataset,
        validation: Sequence[StudyCase],
        *,
        batch_size: int,
        per_case: int,
        workers: int,
        seed: int,
        balance: str | None = None,
    ) -> None:
        super().__init__()
        self.training = training
        self.validation = list(validation)
        self.batch_size = batch_size
        self.workers = workers
        classes = [case.targets.get(balance) for case in training.cases] if balance else None
        self.sampler = SeededSampler(len(training), per_case=per_case, seed=seed, classes=classes)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Return the loader of the training batches."""
        return DataLoader(
            self.training,
            batch_size=self.batch_size,
            sampler=self.sampler,
            drop_last=len(self.sampler) > self.batch_size,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            collate_fn=collate,
            # Of its own, so that opening the loader draws nothing from the generator of dropout.
            generator=torch.Generator(),
        )

    def val_dataloader(self) -> DataLoader[StudyCase]:
        """Return the loader of the validation cases, which are opened where they are used."""
        return DataLoader(self.validation, batch_size=None, collate_fn=_same)  # type: ignore[arg-type]

    def state_dict(self) -> dict[str, Any]:
        """Return the epoch that follows a checkpoint, which is written when an epoch has ended."""
        return {"next_epoch": self.sampler.epoch + 1}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go to the epoch that follows a checkpoint.

        Lightning opens the loader of a resumed training, and workers begin to read, before it tells the sampler the
        epoch.
        """
        self.sampler.set_epoch(state_dict["next_epoch"])


def _same(item: StudyCase) -> StudyCase:
    return item
