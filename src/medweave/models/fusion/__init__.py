"""Fusion: the pyramids of several inputs to one."""
