"""The size of a NIfTI volume from its header (Cox et al., "NIfTI-1 data format"), before anything else reads it."""

import math
import struct
from dataclasses import dataclass

HEADER_BYTES = 352
#: Where the voxels of a file of its own are said to be; `ni1` is half of a pair.
MAGIC = b"n+1\0"
#: Bits of a voxel, by code of its type: integers and floats of 8 to 64 bits, and colours of 8 bits.
BITS = {2: 8, 4: 16, 8: 32, 16: 32, 64: 64, 128: 24, 256: 8, 512: 16, 768: 32, 1024: 64, 1280: 64, 2304: 32}
MAX_AXES = 7
#: A voxel of a metre is no part of an examination.
MAX_SPACING_MM = 1000.0


@dataclass(frozen=True)
class NiftiSize:
    """How large a file must be.

    Attributes:
        voxels: Of all volumes of the file.
        file_bytes: Of the header and the voxels.
    """

    voxels: int
    file_bytes: int


def is_nifti(header: bytes) -> bool:
    """Tell whether a file of this beginning is a NIfTI-1 file of its own."""
    return len(header) >= HEADER_BYTES and _order(header) is not None and header[344:348] == MAGIC


def nifti_size(header: bytes) -> NiftiSize:
    """Return how large a file is by its header of `HEADER_BYTES` bytes.

    Raises:
        ValueError: The header is not sound.
    """
    order = _order(header)
    axes, *sizes = struct.unpack(f"{order}8h", header[40:56])
    code, bits = struct.unpack(f"{order}2h", header[70:74])
    spacings_mm = struct.unpack(f"{order}7f", header[80:108])
    (start,) = struct.unpack(f"{order}f", header[108:112])
    if not 1 <= axes <= MAX_AXES or min(sizes[:axes]) < 1:
        raise ValueError(f"its header names {axes} axes of sizes {sizes}")
    if BITS.get(code) != bits:
        raise ValueError(f"its header names voxels of type {code} with {bits} bits")
    if not all(0 < value <= MAX_SPACING_MM for value in spacings_mm[: min(axes, 3)]):
        raise ValueError(f"its header names a spacing that is not above 0 and at most {MAX_SPACING_MM:g} mm")
    if not (math.isfinite(start) and start >= HEADER_BYTES):
        raise ValueError(f"its header places the voxels at byte {start}")
    voxels = math.prod(sizes[:axes])
    return NiftiSize(voxels, int(start) + voxels * bits // 8)


def _order(header: bytes) -> str | None:
    """Return the byte order by the length that a header states of itself."""
    return next((order for order in "<>" if struct.unpack(f"{order}i", header[:4]) == (348,)), None)
