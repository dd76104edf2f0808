"""Reading NIfTI, NRRD, MetaImage, DICOM (a file, or the folder of a series) and pictures through SimpleITK."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.preprocessing.readers.dicom import dicom_files, read_dicom_series
from medweave.preprocessing.readers.nifti import content_ahead, verify_nifti
from medweave.preprocessing.readers.raster import (
    RASTER_SUFFIXES,
    SUFFIXES_OF_8_BIT,
    Colour,
    as_labels,
    in_colour,
    is_raster,
    on_8_bit_scale,
    plain_png_depth,
    read_plain_png,
    verify_raster,
    without_resolution,
)

#: How ITK calls the object that met an error, with its address in memory.
OBJECT = re.compile(r"\w+\(0x[0-9a-f]+\): ")
IMAGE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", *RASTER_SUFFIXES)


def image_suffix(name: str) -> str:
    """Return the suffix of an image file's name as it is written, or "" for another name."""
    known = next((suffix for suffix in IMAGE_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[len(name) - len(known) :]


def image_stem(name: str) -> str:
    """Return an image file's name without its suffix, and another name as it is."""
    return name.removesuffix(image_suffix(name))


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        spatial_dims: 2 or 3; a file with one slice is 2D, and a fourth axis is the channels.
        pixel_type: Such as "8-bit unsigned integer".
    """

    spatial_dims: int
    pixel_type: str


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file; one that ITK cannot read is called 3D, of an unknown type.

    JPEG and BMP files have 8 bits. They are not opened, since ITK prints what it thinks of a damaged one.
    """
    if path.is_dir():
        return ImageHeader(3, read_header(dicom_files(path)[0]).pixel_type if dicom_files(path) else "unknown")
    if path.suffix.lower() in SUFFIXES_OF_8_BIT:
        return ImageHeader(2, "8-bit unsigned integer")
    if path.suffix.lower() == ".png" and (depth := plain_png_depth(path)):
        return ImageHeader(2, f"{depth}-bit unsigned integer")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return ImageHeader(3, "unknown")
    size = reader.GetSize()
    is_flat = len(size) == 2 or (len(size) == 3 and size[2] == 1)
    pixel_type = sitk.GetPixelIDValueAsString(reader.GetPixelID()).removeprefix("vector of ")
    return ImageHeader(2 if is_flat else 3, pixel_type)


def read_channels(path: Path, *, spatial_dims: int, colour: Colour | None = None) -> list[sitk.Image]:
    """Read an image as one float32 scalar image a channel, all on one grid.

    A further axis of the file (4D, or vector pixels) is the channel axis. Pictures have pixels of 1 mm, and those of
    16 bits are read on the 8-bit scale.

    Args:
        path: The file.
        spatial_dims: 2 or 3. A 2D file where 3D is wanted is refused; a 3D file with one slice is 2D.
        colour: What to make of a picture's channels, and whether to repeat the one of a grey image; None keeps them.

    Raises:
        DataError: The file is absent, unreadable, damaged, complex or of another dimension.
    """
    image = _read(path)
    channels = [_as_type(channel, sitk.sitkFloat32) for channel in _split(image, path, spatial_dims=spatial_dims)]
    if is_raster(path):
        channels = on_8_bit_scale(channels, pixel_type=image.GetPixelID())
    if colour is None or (len(channels) > 1 and not is_raster(path)):
        return channels
    return in_colour(channels, colour)


def _split(image: sitk.Image, path: Path, *, spatial_dims: int) -> list[sitk.Image]:
    """Return the channels in the file's own numbers."""
    if image.GetDimension() == spatial_dims + 1 and (spatial_dims == 3 or image.GetSize()[2] == 1):
        return [image[..., channel] for channel in range(image.GetSize()[-1])]
    if image.GetDimension() == spatial_dims:
        count = image.GetNumberOfComponentsPerPixel()
        return [sitk.VectorIndexSelectionCast(image, channel) if count > 1 else image for channel in range(count)]
    raise DataError(
        "an image has the wrong dimension",
        where=path,
        got=f"{image.GetDimension()}D, size {image.GetSize()}",
        wanted=f"{spatial_dims}D",
        fix=f"give {spatial_dims}D images, or train with another spatial_dims in the recipe.",
    )


def read_label_map(path: Path, *, spatial_dims: int, merged_values: Mapping[int, int] | None = None) -> sitk.Image:
    """Read a label map as uint8; a black and white picture is a mask, whose white is 1.

    Args:
        path: File, or folder of a DICOM series.
        spatial_dims: 2 or 3.
        merged_values: What values of the file are read as, where this is another value.

    Raises:
        DataError: The file is unreadable, or holds values that are not whole numbers from 0 to 255.
    """
    channels = _split(_read(path), path, spatial_dims=spatial_dims)
    if len(channels) != 1 and not is_raster(path):
        raise DataError("a label map has several channels", where=path, got=len(channels), wanted=1)
    label_map = as_labels(channels, path=path) if is_raster(path) else channels[0]
    values = sitk.GetArrayViewFromImage(label_map)
    if values.dtype != np.uint8 and not bool(((values >= 0) & (values <= 255) & (values == np.rint(values))).all()):
        raise DataError(
            "a label map holds values that are not labels",
            where=path,
            got=f"values from {values.min():g} to {values.max():g}",
            wanted="whole numbers from 0 to 255",
            fix="write the labels as integers.",
        )
    labels = _as_type(label_map, sitk.sitkUInt8)
    return sitk.ChangeLabel(labels, dict(merged_values)) if merged_values else labels


def _as_type(image: sitk.Image, pixel_type: int) -> sitk.Image:
    return image if image.GetPixelID() == pixel_type else sitk.Cast(image, pixel_type)


def _read(path: Path) -> sitk.Image:
    if path.is_dir():
        return read_dicom_series(path)
    if not path.is_file():
        raise DataError("image file not found", where=path, fix="check the path.")
    if path.stat().st_size == 0:
        raise DataError("image file has no content", where=path, fix="copy the file again.")
    if is_raster(path):
        verify_raster(path)
        if plain_png_depth(path):
            return read_plain_png(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    with content_ahead(path) as content_of:
        try:
            image = reader.Execute()
        except RuntimeError as error:
            raise DataError(
                "image file cannot be read", where=path, got=_reason(error), fix="copy the file again or convert it."
            ) from error
        if "complex" in image.GetPixelIDTypeAsString():
            raise DataError("an image is complex", where=path, wanted="real numbers", fix="convert it to magnitude.")
        if not reader.HasMetaDataKey("vox_offset"):
            return without_resolution(image) if is_raster(path) else image
        header = {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}
        return verify_nifti(image, path=path, header=header, content_of=content_of)


def _reason(error: RuntimeError) -> str:
    """Return what an ITK error says after its place in ITK's source and in memory."""
    return " ".join(OBJECT.sub("", str(error).rpartition("ERROR: ")[2]).split())
