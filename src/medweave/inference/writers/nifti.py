"""Label maps and probabilities as NIfTI."""

from pathlib import Path

import SimpleITK as sitk

from medweave.core.files import atomic_path
from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import Grid, to_image


@WRITERS.register("nifti")
class NiftiWriter:
    """The label map on the input's grid, `<case_id>_<head>.nii.gz`."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write the label map."""
        return [_write(prediction.segmentations[head].label_map, folder / f"{case.case_id}_{head}.nii.gz")]


@WRITERS.register("probabilities")
class ProbabilityWriter:
    """Each structure's probabilities on the input's grid, `<case_id>_<head>_probability_<structure>.nii.gz`."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write a float32 volume for each structure."""
        segmentation = prediction.segmentations[head]
        grid = Grid.of(segmentation.label_map)
        return [
            _write(to_image(probability, grid), folder / f"{case.case_id}_{head}_probability_{structure}.nii.gz")
            for structure, probability in segmentation.probabilities.items()
        ]


def _write(image: sitk.Image, path: Path) -> Path:
    with atomic_path(path) as temporary:
        sitk.WriteImage(image, str(temporary), useCompression=True)
    return path
