"""The one LightningModule: any recipe's training and validation step."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from numpy.typing import NDArray
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from medweave.data.case import Case
from medweave.data.dataset import Batch
from medweave.data.preparation import PreparedCase
from medweave.inference.backends.torch import channels_last
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.losses.loss import MultiTaskLoss
from medweave.models.multitask import MultiTaskModel
from medweave.training.study_case import StudyCase
from medweave.training.validation_scores import ValidationScores


@dataclass(frozen=True)
class ValidationOutcome:
    """What validation makes of a case.

    Attributes:
        case: The case.
        prediction: The answers on the case's own grid.
        dice: Dice of each structure by segmentation head; heads without truth are left out.
    """

    case: Case
    prediction: Prediction
    dice: Mapping[str, Mapping[str, float]]


class MultiTaskModule(pl.LightningModule):
    """Trains a MultiTaskModel and validates it on whole cases, on their own grids, with the Predictor.

    The random generators are seeded from (seed, epoch) when an epoch begins, so that a resumed training draws what the
    unbroken one would have drawn. The learning rate is stepped here, after each optimizer step or (on a plateau) after
    each validation, so that a checkpoint holds it in the state that the next step needs.

    Args:
        model: The network.
        loss: Terms of the heads.
        predictor: Predicts with the same network.
        make_optimizer: From the parameters.
        make_schedule: From the optimizer.
        seed: Of the training.
    """

    def __init__(
        self,
        *,
        model: MultiTaskModel,
        loss: MultiTaskLoss,
        predictor: Predictor,
        make_optimizer: Callable[[list[nn.Parameter]], optim.Optimizer],
        make_schedule: Callable[[optim.Optimizer], LRScheduler],
        seed: int,
    ) -> None:
        super().__init__()
        self.model = model
        self.loss = loss
        self.predictor = predictor
        self.seed = seed
        self._make_optimizer = make_optimizer
        self._make_schedule = make_schedule
        self.schedule: LRScheduler | None = None
        self._schedule_state: dict[str, Any] | None = None
        self._found = ValidationScores()

    def configure_optimizers(self) -> optim.Optimizer:
        """Return the optimizer."""
        optimizer = self._make_optimizer([p for p in self.parameters() if p.requires_grad])
        self.schedule = self._make_schedule(optimizer)
        return optimizer

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step the optimizer, then the learning rate."""
        super().optimizer_step(*args, **kwargs)
        if self.schedule is not None and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()

    def configure_gradient_clipping(
        self,
        optimizer: optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient's norm, also of fused optimizers, which Lightning refuses in bfloat16."""
        # Lightning's reason, gradients that are still scaled, holds with a scaler (float16) alone.
        if gradient_clip_val is None or getattr(self.trainer.precision_plugin, "scaler", None) is not None:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)
        else:
            nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move training batches; a validation case is not moved, for the Predictor moves what the network needs."""
        if isinstance(batch, StudyCase):
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_train_epoch_start(self) -> None:
        """Seed whatever an epoch draws at random in this process."""
        torch.manual_seed(int(np.random.SeedSequence([self.seed, self.current_epoch]).generate_state(1)[0]))

    def training_step(self, batch: Batch, batch_index: int) -> Tensor | None:
        """Return what the step minimises, or None, which skips it, where no sample has the truth of any head."""
        images = {name: channels_last(image) for name, image in batch["images"].items()}
        logits = self.model(images, batch["present"])
        with torch.autocast(self.device.type, enabled=False):
            terms = self.loss(logits, {**batch["label_maps"], **batch["targets"]}, batch["present"])
            if not terms:
                return None
            total = self.loss.total(terms)
        if not bool(torch.isfinite(total)):
            raise FloatingPointError(f"the loss is {total.item()} in epoch {self.current_epoch + 1}")
        self._log("train/loss", sum(term.detach() for term in terms.values()), batch_size=len(batch["case_ids"]))
        for head, term in terms.items():
            self._log(f"train/loss_{head}", term.detach(), batch_size=int(batch["present"][head].sum()))
        for head, weight in self.loss.learned_weights.items():
            self._log(f"train/weight_{head}", weight)
        return total

    def validation_step(self, batch: StudyCase, batch_index: int) -> dict[str, ValidationOutcome]:
        """Predict a whole case and compare it with its truth."""
        inputs = batch.prepared.inputs()
        logits = self.predictor.logits(inputs)
        prediction = self.predictor.finish(batch.case.case_id, logits, inputs)
        for head, term in self._validation_terms(logits, batch.prepared).items():
            self._found.add_loss(head, term.item())
        dice = self._found.add_answers(
            self.predictor, batch.case, batch.prepared.targets, logits=logits, prediction=prediction
        )
        return {"outcome": ValidationOutcome(batch.case, prediction, dice)}

    def on_validation_epoch_end(self) -> None:
        """Log what was found, and step a plateau schedule by the score."""
        values, self._found = self._found.values(), ValidationScores()
        for name, value in values.items():
            self._log(name, value)
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(values["val/score"])

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the learning rate's state."""
        if self.schedule is not None:
            checkpoint["schedule"] = self.schedule.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the learning rate's state until there is a schedule to give it to."""
        self._schedule_state = checkpoint["schedule"]

    def on_train_start(self) -> None:
        """Give a resumed schedule its state."""
        if self.schedule is not None and self._schedule_state is not None:
            self.schedule.load_state_dict(self._schedule_state)
            self._schedule_state = None

    def _validation_terms(self, logits: Mapping[str, NDArray[np.float32]], prepared: PreparedCase) -> dict[str, Tensor]:
        arrays = prepared.arrays()
        truths = {head: torch.tensor([target]) for head, target in prepared.targets.items()}
        for head in self.predictor.segmentation_heads:
            if f"labels.{head}" in arrays:
                truths[head] = torch.from_numpy(arrays[f"labels.{head}"].astype(np.int64))[None]
        # On the processor, where the logits are: those of a whole case may be too large for a GPU.
        terms: dict[str, Tensor] = copy.deepcopy(self.loss).cpu()(
            {head: [torch.from_numpy(values[None])] for head, values in logits.items()},
            truths,
            {head: torch.tensor([head in truths]) for head in logits},
        )
        return terms

    def _log(self, name: str, value: float | Tensor, *, batch_size: int = 1) -> None:
        self.log(name, value, on_step=False, on_epoch=True, batch_size=batch_size)
