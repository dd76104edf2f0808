"""Heads: features to the logits of one task."""
