"""Readers of image files, one format family a module."""
