"""The moving average of the weights."""

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EMAWeightAveraging


class WeightAverage(EMAWeightAveraging):
    """Keeps an exponential moving average of the weights, which is what is validated and saved.

    Args:
        steps: Steps of the optimizer that it looks back; fewer than one keep the last step's weights.
    """

    def __init__(self, steps: float) -> None:
        super().__init__(decay=max(1.0 - 1.0 / steps, 0.0))

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Make the average where the network will be, which Lightning has not moved there yet."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
