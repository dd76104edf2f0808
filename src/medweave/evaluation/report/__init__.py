"""The HTML report of an evaluation, with its figures."""
