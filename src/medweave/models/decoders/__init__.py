"""Decoders: a feature pyramid back to the input's resolution."""
