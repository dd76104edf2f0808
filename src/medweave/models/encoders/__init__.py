"""Encoders: one input to a feature pyramid."""
