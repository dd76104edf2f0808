"""The Predictor of a path, whatever runs its network."""

from pathlib import Path

from medweave.core.optional import import_optional
from medweave.inference.predictor import Predictor

#: What loads a run; it needs PyTorch, so it is imported when a run is loaded.
RUN_LOADER = "medweave.inference.run_model"


def load_predictor(path: Path) -> Predictor:
    """Load the predictor of a run.

    Args:
        path: Run folder.

    Raises:
        RunError: The run has no usable weights, or its calibration is damaged.
        DependencyError: A run is given and PyTorch is not installed.
    """
    predictor: Predictor = import_optional(RUN_LOADER).load_run(path)
    return predictor
