"""Fusion: the vectors of several inputs to one."""
