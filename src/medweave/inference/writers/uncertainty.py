"""How far the members differ in each voxel, as NIfTI."""

from pathlib import Path

from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.nifti import write_nifti
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import Grid, to_image


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
        grid = Grid.of(segmentation.label_map)
        return [
            write_nifti(to_image(deviation, grid), folder / f"{case.case_id}_{head}_uncertainty_{structure}.nii.gz")
            for structure, deviation in segmentation.deviations.items()
        ]
