"""What TensorBoard shows beside the logged values: the network's graph and example predictions."""

import warnings
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor, nn

from medweave.figures.comparison import comparison_figure
from medweave.models.multitask import MultiTaskModel
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels
from medweave.training.module import MultiTaskModule, ValidationOutcome


class TensorBoardPictures(Callback):
    """Logs the graph once, and the first validation case's prediction at every validation.

    Args:
        channels: Of each input.
    """

    def __init__(self, channels: Mapping[str, int]) -> None:
        self.channels = channels

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Log the network's graph, traced on the smallest image that it takes."""
        if not isinstance(trainer.logger, TensorBoardLogger) or not isinstance(pl_module, MultiTaskModule):
            return
        divisors = pl_module.model.size_divisors
        images = tuple(
            torch.zeros((1, channels, *(2 * step for step in divisors[name])), device=pl_module.device)
            for name, channels in self.channels.items()
        )
        graph = _Traceable(pl_module.model, tuple(self.channels))
        was_training = pl_module.model.training
        graph.eval()
        with warnings.catch_warnings():
            # The layers' checks of their input are left out of the traced graph, which is only looked at.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            trainer.logger.experiment.add_graph(graph, images)
        pl_module.model.train(was_training)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log the first case."""
        if batch_idx > 0 or not isinstance(trainer.logger, TensorBoardLogger):
            return
        if isinstance(pl_module, MultiTaskModule):
            _log_comparisons(trainer.logger, pl_module, outputs["outcome"])


def _log_comparisons(logger: TensorBoardLogger, module: MultiTaskModule, outcome: ValidationOutcome) -> None:
    """Log the overlay of prediction and truth of each head."""
    source = module.predictor.source
    for head in module.predictor.segmentation_heads:
        truth = source.read_label_map(outcome.case, head)
        if truth is None or head not in outcome.prediction.segmentations:
            continue
        path = module.predictor.image_path(outcome.case, head)
        image = read_channels(path, spatial_dims=truth.GetDimension())[0]
        scores = ", ".join(f"{name} {value:.3f}" for name, value in outcome.dice[head].items())
        figure = comparison_figure(
            to_array(image),
            to_array(outcome.prediction.segmentations[head].label_map),
            to_array(truth),
            grid=Grid.of(truth),
            title=f"{outcome.case.case_id}: Dice {scores}",
        )
        logger.experiment.add_figure(f"validation/{head}", figure, global_step=module.current_epoch)


class _Traceable(nn.Module):
    """The model as a function from tensors to tensors, as tracing wants it."""

    def __init__(self, model: MultiTaskModel, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        present = {name: torch.ones(1, dtype=torch.bool, device=images[0].device) for name in self.names}
        logits = self.model(dict(zip(self.names, images, strict=True)), present)
        return tuple(levels[0] for levels in logits.values())
