"""Prediction: the only code that turns logits into answers, for validation, evaluation and use alike."""
