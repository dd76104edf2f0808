"""From a run to a bundle that predicts without PyTorch, with the proof that it predicts the same."""
