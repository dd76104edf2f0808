"""Pictures (PNG, JPEG, BMP, TIFF): their colours, their bit depths, and the damage that ITK hides.

ITK reads the missing part of a truncated JPEG as grey and of a truncated BMP as black, and says nothing.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from medweave.core.errors import DataError
from medweave.core.logging import get_logger
from medweave.preprocessing.readers.png import verify_png

logger = get_logger(__name__)

Colour = Literal["grey", "rgb"]

JPEG_SUFFIXES = (".jpg", ".jpeg")
SUFFIXES_OF_8_BIT = (*JPEG_SUFFIXES, ".bmp")
RASTER_SUFFIXES = (".png", *SUFFIXES_OF_8_BIT, ".tif", ".tiff")
#: Signature and header of a PNG (W3C PNG, 11.2.1); the (bits, colour type) of grey, colour, and either with opacity.
PNG_HEADER_BYTES = 29
PLAIN_PNGS = ((8, 0), (16, 0), (8, 2), (8, 4), (8, 6))
#: Pillow cuts its 16 bits to 8, and ITK does not know it.
UNREADABLE_PNG = (16, 4)
PNG_START, PNG_END = b"\x89PNG", b"IEND\xaeB`\x82"
#: White in 8 and in 16 bits.
WHITES = (255, 65535)
#: Weights of red, green and blue in the brightness (ITU-R BT.601-7, 2.5.1).
LUMA = (0.299, 0.587, 0.114)
#: Steps of the 16-bit scale in one of the 8-bit scale: white is 65535 and 255.
STEPS_OF_16_BIT = 257.0


def is_raster(path: Path) -> bool:
    """Tell by its suffix whether a file is a picture."""
    return path.suffix.lower() in RASTER_SUFFIXES


def plain_png_depth(path: Path) -> int | None:
    """Return the bits of a PNG in grey, or of 8 bits in colour or with opacity; None for any other file.

    These are read with Pillow: the library behind ITK prints a line for every colour profile that it dislikes, and
    knows no grey with opacity.
    """
    depth, colour_type = _png_kind(path)
    return depth if (depth, colour_type) in PLAIN_PNGS else None


def _png_kind(path: Path) -> tuple[int, int]:
    """Return the bits and the colour type of a PNG; bits of 0 for any other file."""
    with path.open("rb") as stream:
        start = stream.read(PNG_HEADER_BYTES)
    is_png = start.startswith(PNG_START) and len(start) == PNG_HEADER_BYTES
    return (start[24], start[25]) if is_png else (0, 0)


def read_plain_png(path: Path) -> sitk.Image:
    """Read a PNG of which `plain_png_depth` knows the bits.

    Raises:
        DataError: The file is damaged.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.getchannel("L") if picture.mode == "LA" else picture)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            "image file cannot be read",
            where=path,
            got=str(error).removesuffix(f" '{path}'"),
            fix="copy the file again or convert it.",
        ) from error
    return without_resolution(sitk.GetImageFromArray(pixels, isVector=pixels.ndim == 3))


def verify_raster(path: Path) -> None:
    """Refuse a picture whose file ends early, or of a kind that no reader knows.

    Raises:
        DataError: It does, is of such a kind, or is no such picture at all.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        content = path.read_bytes()
        if not content.startswith(PNG_START):
            _refuse_other_kind(path)
        if content.startswith(PNG_START) and PNG_END not in content:
            raise DataError("image file is truncated", where=path, got="no end mark", fix="copy the file again.")
        verify_png(path)
        if _png_kind(path) == UNREADABLE_PNG:
            raise DataError(
                "a grey PNG of 16 bits with opacity cannot be read",
                where=path,
                fix="save it without its alpha channel.",
            )
    if suffix in SUFFIXES_OF_8_BIT:
        try:
            with Image.open(path) as picture:
                picture.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            is_truncated = "truncated" in str(error).lower()
            raise DataError(
                "image file is truncated" if is_truncated else "image file cannot be read",
                where=path,
                got=str(error).removesuffix(f" '{path}'"),
                fix="copy the file again or convert it.",
            ) from error


def _refuse_other_kind(path: Path) -> None:
    """Refuse a picture of another kind than PNG that is called so, which ITK chooses its reader by."""
    try:
        with Image.open(path) as picture:
            kind = picture.format
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return  # no picture at all; ITK says so
    raise DataError(
        f"a file that is called PNG is a {kind}",
        where=path,
        fix=f"give it the suffix of a {kind}, or convert it.",
    )


def without_resolution(image: sitk.Image) -> sitk.Image:
    """Return a picture with pixels of 1 mm: what its file says of dots per inch is about printing."""
    image.SetSpacing((1.0,) * image.GetDimension())
    return image


def on_8_bit_scale(channels: Sequence[sitk.Image], *, pixel_type: int) -> list[sitk.Image]:
    """Return 16-bit channels on the scale from 0 to 255, with fractions, and others as they are.

    Args:
        channels: Float32 images.
        pixel_type: SimpleITK's pixel type of the file.
    """
    if pixel_type not in (sitk.sitkUInt16, sitk.sitkVectorUInt16):
        return list(channels)
    _say_once("16-bit pictures are read on the 8-bit scale (divided by 257)")
    return [channel / STEPS_OF_16_BIT for channel in channels]


def in_colour(channels: Sequence[sitk.Image], colour: Colour) -> list[sitk.Image]:
    """Return a picture as one channel of brightness or three of red, green and blue; opacity is dropped.

    Args:
        channels: One (grey), three or four (with opacity) float32 images.
        colour: grey takes the luma of ITU-R BT.601; rgb repeats the channel of a grey picture.
    """
    seen = list(channels[:3])
    if colour == "rgb":
        return seen * 3 if len(seen) == 1 else seen
    if len(seen) == 1:
        return seen
    _say_once("colour pictures are converted to grey (ITU-R BT.601)")
    parts = [weight * sitk.Cast(part, sitk.sitkFloat64) for weight, part in zip(LUMA, seen, strict=True)]
    return [sitk.Cast(parts[0] + parts[1] + parts[2], sitk.sitkFloat32)]


def distinct_colours(channels: Sequence[sitk.Image]) -> list[sitk.Image]:
    """Return a picture's channels without opacity, and one alone where red, green and blue are the same."""
    seen = list(channels[:3])
    arrays = [sitk.GetArrayViewFromImage(channel) for channel in seen]
    return seen[:1] if all(np.array_equal(arrays[0], other) for other in arrays[1:]) else seen


def as_labels(channels: Sequence[sitk.Image], *, path: Path) -> sitk.Image:
    """Return the labels that a picture shows.

    A picture of black and white alone is a mask: white becomes 1. JPEG keeps no labels apart from black and white,
    and blurs those; it is cut at half.

    Args:
        channels: Of the picture, in its own numbers.
        path: The file.

    Raises:
        DataError: The picture is in colour.
    """
    if len(distinct_colours(channels)) > 1:
        raise DataError(
            "a label map is in colour",
            where=path,
            wanted="one number a pixel",
            fix="write it as a grey picture whose values are the labels.",
        )
    values = sitk.GetArrayViewFromImage(channels[0])
    if path.suffix.lower() in JPEG_SUFFIXES:
        return _mask(values > WHITES[0] // 2, channels[0])
    is_mask = any(bool(((values == 0) | (values == white)).all()) for white in WHITES)
    return _mask(values != 0, channels[0]) if is_mask else channels[0]


def _mask(values: NDArray[np.bool_], like: sitk.Image) -> sitk.Image:
    mask = sitk.GetImageFromArray(values.astype(np.uint8))
    mask.CopyInformation(like)
    return mask


@cache
def _say_once(message: str) -> None:
    logger.info(message)
