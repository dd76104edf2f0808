"""medweave: from a folder of medical images to a trained, judged and usable model."""

__version__ = "0.1.0"
