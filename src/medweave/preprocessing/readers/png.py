"""Whether a PNG has all its pixels: Pillow leaves rows that are not in the file black, and says nothing."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from medweave.core.errors import DataError

#: Where the first chunk begins, and its fields (W3C PNG, 11.2.1).
SIGNATURE_BYTES, HEADER = 8, ">II2BxxB"
#: Samples of a pixel by colour type.
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: First column, first row and steps of the passes of an interlaced picture (W3C PNG, 8.2), and of any other.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
WHOLE = ((0, 0, 1, 1),)
PIECE_BYTES = 2**20


def verify_png(path: Path) -> None:
    """Refuse a PNG that has fewer pixels than its header says.

    What else is wrong with it is left to its reader.

    Raises:
        DataError: It has.
    """
    with path.open("rb") as stream:
        chunks = _chunks(stream)
        _, header = next(chunks, (b"", b""))
        if len(header) != struct.calcsize(HEADER):
            return
        wanted = _bytes_of_pixels(header)
        try:
            found = _unpacked_bytes((data for kind, data in chunks if kind == b"IDAT"), enough=wanted)
        except zlib.error:
            return
    if found < wanted:
        raise DataError(
            "image file is truncated",
            where=path,
            got=f"{found} bytes of pixels",
            wanted=str(wanted),
            fix="copy the file again.",
        )


def _chunks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and the content of each chunk."""
    stream.seek(SIGNATURE_BYTES)
    while len(start := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", start)
        yield kind, stream.read(length)
        stream.seek(4, 1)


def _bytes_of_pixels(header: bytes) -> int:
    """Return the bytes of all rows, each of which begins with its filter."""
    width, height, depth, colour, is_interlaced = struct.unpack(HEADER, header)
    total = 0
    for column, row, column_step, row_step in ADAM7 if is_interlaced else WHOLE:
        columns, rows = -(-(width - column) // column_step), -(-(height - row) // row_step)
        if columns > 0 and rows > 0:
            total += rows * (1 + -(-columns * depth * SAMPLES.get(colour, 0) // 8))
    return total


def _unpacked_bytes(parts: Iterator[bytes], *, enough: int) -> int:
    """Return the length of a compressed stream, or one that is enough: what follows may be a bomb.

    No more than a piece of it is in memory.
    """
    unpacker, total = zlib.decompressobj(), 0
    for part in parts:
        packed = part
        while packed and total < enough:
            total += len(unpacker.decompress(packed, PIECE_BYTES))
            packed = unpacker.unconsumed_tail
        if total >= enough:
            return total
    return total + len(unpacker.flush())
