"""Training: the one LightningModule, its data, its callbacks, the trainer."""
