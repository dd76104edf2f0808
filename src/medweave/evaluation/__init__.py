"""Judging a model: case, structure, interval, comparison, report."""
