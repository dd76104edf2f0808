"""Label maps and probabilities as NIfTI."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.core.files import atomic_path
from medweave.data.case import Case
from medweave.inference.prediction import Prediction, SegmentationHeadInfo
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.geometry import Grid, to_image

#: Up to the first voxel (NIfTI-1: 348 bytes and four of no extension).
NIFTI_HEADER_BYTES = 352


@WRITERS.register("nifti")
class NiftiWriter:
    """The label map on the input's grid, `<case_id>_<head>.nii.gz`."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write the label map."""
        return [write_nifti(prediction.segmentations[head].label_map, folder / f"{case.case_id}_{head}.nii.gz")]


@WRITERS.register("probabilities")
class ProbabilityWriter:
    """Each structure's probabilities on the input's grid, `<case_id>_<head>_probability_<structure>.nii.gz`."""

    def write(
        self, prediction: Prediction, head: str, *, case: Case, info: SegmentationHeadInfo, folder: Path
    ) -> list[Path]:
        """Write a float32 volume for each structure."""
        segmentation = prediction.segmentations[head]
        stem = f"{case.case_id}_{head}_probability"
        return write_structures(segmentation.probabilities, like=segmentation.label_map, folder=folder, stem=stem)


def write_structures(
    values: Mapping[str, NDArray[np.float32]], *, like: sitk.Image, folder: Path, stem: str
) -> list[Path]:
    """Write what each structure has in every voxel, `<stem>_<structure>.nii.gz`.

    Args:
        values: (x, y[, z]) of each structure.
        like: An image on their grid.
        folder: Of the files.
        stem: How their names begin.
    """
    grid = Grid.of(like)
    return [
        write_nifti(to_image(array, grid), folder / f"{stem}_{structure}.nii.gz") for structure, array in values.items()
    ]


def write_nifti(image: sitk.Image, path: Path) -> Path:
    """Write an image, compressed and atomically.

    Raises:
        RunError: It cannot be written, as on a full disk.
    """
    with atomic_path(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=True)
        except RuntimeError as error:
            raise RunError(
                "cannot write", where=path, got=" ".join(str(error).split()[-12:]), fix="free space on the disk."
            ) from error
        _verify_whole(temporary, image, path)
    return path


def _verify_whole(written: Path, image: sitk.Image, path: Path) -> None:
    """Refuse a file that a full disk cut short, of which ITK says nothing.

    A gzip file ends with the length of its content modulo 2^32 (RFC 1952, 2.3.1): the voxels and NIfTI's header.
    """
    expected = image.GetNumberOfPixels() * image.GetSizeOfPixelComponent() + NIFTI_HEADER_BYTES
    with written.open("rb") as stream:
        stream.seek(max(written.stat().st_size - 4, 0))
        found = int.from_bytes(stream.read(4), "little")
    if found != expected % 2**32:
        raise RunError("cannot write the whole file", where=path, fix="free space on the disk.")
