"""The writer contract and its registry."""

from pathlib import Path
from typing import Protocol

from medweave.core.registry import Registry
from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo


class Writer(Protocol):
    """Writes one head's answer to one case."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write files whose names begin with `<case_id>_<head>` and return them."""
        ...


WRITERS: Registry[type[Writer]] = Registry("writer", home="medweave.inference.writers")
"""Writers of predictions by name."""
