"""How far the members differ in each voxel, as NIfTI."""

from pathlib import Path

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.nifti import write_structures
from medweave.inference.writers.writer import WRITERS


@WRITERS.register("uncertainty")
class UncertaintyWriter:
    """Standard deviation of each structure's probability over the members, on the input's grid.

    The files are called `<case_id>_<head>_uncertainty_<structure>.nii.gz`.
    """

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write a float32 volume for each structure."""
        segmentation = prediction.segmentations[head]
        stem = f"{case.case_id}_{head}_uncertainty"
        return write_structures(segmentation.deviations, like=segmentation.label_map, folder=folder, stem=stem)
