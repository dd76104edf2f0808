"""Synthetic studies, written to disk in the layout of a real data set."""
