"""Reading NIfTI, NRRD, MetaImage and single-file DICOM through SimpleITK."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.preprocessing.readers.nifti import verify_nifti


def read_channels(path: Path, *, spatial_dims: int) -> list[sitk.Image]:
    """Read an image as one float32 scalar image a channel, all on one grid.

    A further axis of the file (4D, or vector pixels) is the channel axis.

    Args:
        path: The file.
        spatial_dims: 2 or 3. A 2D file where 3D is wanted is refused; a 3D file with one slice is 2D.

    Raises:
        DataError: The file is absent, unreadable, damaged, complex or of another dimension.
    """
    image = _read(path)
    if image.GetDimension() == spatial_dims + 1 and (spatial_dims == 3 or image.GetSize()[2] == 1):
        images = [image[..., channel] for channel in range(image.GetSize()[-1])]
    elif image.GetDimension() == spatial_dims:
        count = image.GetNumberOfComponentsPerPixel()
        images = [sitk.VectorIndexSelectionCast(image, channel) if count > 1 else image for channel in range(count)]
    else:
        raise DataError(
            "an image has the wrong dimension",
            where=path,
            got=f"{image.GetDimension()}D, size {image.GetSize()}",
            wanted=f"{spatial_dims}D",
            fix=f"give {spatial_dims}D images, or set spatial_dims in the recipe.",
        )
    return [sitk.Cast(channel, sitk.sitkFloat32) for channel in images]


def read_label_map(path: Path, *, spatial_dims: int) -> sitk.Image:
    """Read a label map as uint8.

    Raises:
        DataError: The file is unreadable, or holds values that are not whole numbers from 0 to 255.
    """
    channels = read_channels(path, spatial_dims=spatial_dims)
    if len(channels) != 1:
        raise DataError("a label map has several channels", where=path, got=len(channels), wanted=1)
    values = sitk.GetArrayViewFromImage(channels[0])
    if not bool(((values >= 0) & (values <= 255) & (values == np.rint(values))).all()):
        raise DataError(
            "a label map holds values that are not labels",
            where=path,
            got=f"values from {values.min():g} to {values.max():g}",
            wanted="whole numbers from 0 to 255",
            fix="write the labels as integers.",
        )
    return sitk.Cast(channels[0], sitk.sitkUInt8)


def _read(path: Path) -> sitk.Image:
    if not path.is_file():
        raise DataError("image file not found", where=path, fix="check the path.")
    if path.stat().st_size == 0:
        raise DataError("image file has no content", where=path, fix="copy the file again.")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise DataError(
            "image file cannot be read", where=path, got=_reason(error), fix="copy the file again or convert it."
        ) from error
    if "complex" in image.GetPixelIDTypeAsString():
        raise DataError("an image is complex", where=path, wanted="real numbers", fix="convert it to magnitude.")
    if not reader.HasMetaDataKey("vox_offset"):
        return image
    return verify_nifti(image, path=path, header={key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()})


def _reason(error: RuntimeError) -> str:
    """Return what an ITK error says after its place in ITK's source."""
    return " ".join(str(error).rpartition("ERROR: ")[2].split())
