"""Metrics of one case: overlap, surface distances and volumes of a predicted and a true mask."""
