"""What ITK hides of a NIfTI file: it reads missing and damaged parts, NaN and infinities as zeros and says nothing."""

import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError

#: NIfTI codes of the types that can hold NaN (Cox et al., "NIfTI-1 data format").
FLOAT_TYPES = {16: "f4", 64: "f8"}
HEADER_BYTES = 348
#: Where the header has the slope and the intercept of the values.
SCALE = slice(112, 120)
#: That zlib expects a gzip file (zlib manual, inflateInit2).
GZIP = 31

Content = Callable[[], NDArray[np.uint8]]


@contextmanager
def content_ahead(path: Path) -> Iterator[Content]:
    """Unpack a compressed file in a thread, while ITK reads it for itself; yield what waits for the content.

    What it yields raises a DataError where the compressed content is damaged.
    """
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(_content, path).result


def verify_nifti(image: sitk.Image, *, path: Path, header: Mapping[str, str], content_of: Content) -> sitk.Image:
    """Check the file's content and return the image with the NaN and infinite values that the file holds.

    Args:
        image: The file as ITK reads it.
        path: The file.
        header: Its fields as ITK names them.
        content_of: Waits for the content of the file.

    Raises:
        DataError: The file is truncated, its compressed content is damaged, or its scale is no number.
    """
    is_pair = path.suffix in (".hdr", ".img")
    content = _content(_voxel_file(path)) if is_pair else content_of()
    start = int(float(header["vox_offset"]))
    voxels = math.prod(max(int(header[f"dim[{axis}]"]), 1) for axis in range(1, int(header["dim[0]"]) + 1))
    end = start + voxels * int(header["bitpix"]) // 8
    if content.size < end:
        raise DataError(
            "image file is truncated",
            where=path,
            got=f"{content.size} bytes of content",
            wanted=f"{end}",
            fix="copy the file again.",
        )
    start_of_file = _content(path.with_suffix(".hdr")) if is_pair else content
    byte_order = "<" if int(start_of_file[:4].view("<i4")[0]) == HEADER_BYTES else ">"
    _verify_scale(*start_of_file[SCALE].view(f"{byte_order}f4").tolist(), path=path)
    if int(header["datatype"]) not in FLOAT_TYPES:
        return image
    stored = content[start:end].view(byte_order + FLOAT_TYPES[int(header["datatype"])])
    return image if np.isfinite(stored).all() else _with_gaps(image, stored)


def _verify_scale(slope: float, intercept: float, *, path: Path) -> None:
    """Refuse a scale that ITK would leave out; a slope of zero or NaN says by itself that there is none."""
    is_scaled = slope != 0 and not math.isnan(slope)
    if is_scaled and not (math.isfinite(slope) and math.isfinite(intercept)):
        raise DataError(
            "the scale of the values is no number",
            where=path,
            got=f"slope {slope:g}, intercept {intercept:g}",
            fix="write the file again.",
        )


def _voxel_file(path: Path) -> Path:
    """Return the file of a pair that holds the voxels, which may be compressed."""
    plain = path.with_suffix(".img")
    return plain if plain.is_file() else path.with_suffix(".img.gz")


def _content(path: Path) -> NDArray[np.uint8]:
    if path.suffix != ".gz":
        return np.memmap(path, dtype=np.uint8, mode="r")
    packed, members = path.read_bytes(), []
    try:
        while packed:  # a file may have several members; zlib checks the checksum of each
            unpacker = zlib.decompressobj(GZIP)
            members.append(unpacker.decompress(packed))
            if not unpacker.eof:
                raise EOFError("the compressed content has no end")
            packed = unpacker.unused_data.lstrip(b"\0")
    except (EOFError, zlib.error) as error:
        raise DataError("image file is damaged", where=path, got=error, fix="copy the file again.") from error
    return np.frombuffer(members[0] if len(members) == 1 else b"".join(members), dtype=np.uint8)


def _with_gaps(image: sitk.Image, stored: NDArray[np.floating[Any]]) -> sitk.Image:
    """Return the image with the values of `stored` that are not finite."""
    array = sitk.GetArrayFromImage(image)
    components = image.GetNumberOfComponentsPerPixel()
    if components > 1:  # the slowest axis of the file, the fastest of the array
        stored = np.moveaxis(stored.reshape(components, *array.shape[:-1]), 0, -1)
    stored = stored.reshape(array.shape)
    np.copyto(array, stored, where=~np.isfinite(stored))
    restored = sitk.GetImageFromArray(array, isVector=components > 1)
    restored.CopyInformation(image)
    return restored
