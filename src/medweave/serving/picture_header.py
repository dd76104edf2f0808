"""The size of a picture from its first bytes, read strictly, so that no decoder can see another size."""

import struct
from typing import BinaryIO

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
JPEG_SIGNATURE = b"\xff\xd8\xff"
#: Chunks or segments at most before the pixels; scanners write a few dozen.
MAX_PARTS = 1000
#: Frame headers of JPEG (ITU-T T.81, table B.1), and the start of the pixels.
JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
JPEG_SCAN = 0xDA


def png_pixels(stream: BinaryIO) -> int:
    """Return the number of pixels of a PNG; the stream stands anywhere.

    Raises:
        ValueError: Its parts are not those of a PNG, or it has several headers.
    """
    stream.seek(len(PNG_SIGNATURE))
    pixels: int | None = None
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack(">I4s", _read(stream, 8))
        if kind == b"IDAT" and pixels is not None:
            return pixels
        if (kind == b"IHDR") != (pixels is None):
            break
        content_start = stream.tell()
        if pixels is None:
            width, height = struct.unpack(">II", _read(stream, 8))
            pixels = width * height
        stream.seek(content_start + length + 4)
    raise ValueError("its chunks are not in the order of a PNG")


def jpeg_pixels(stream: BinaryIO) -> int:
    """Return the number of pixels of a JPEG; the stream stands anywhere.

    Raises:
        ValueError: Its parts are not those of a JPEG, or it has several frames.
    """
    stream.seek(2)
    pixels: int | None = None
    for _ in range(MAX_PARTS):
        mark, code, length = struct.unpack(">BBH", _read(stream, 4))
        if mark != 0xFF or length < 2 or (code in JPEG_FRAMES and pixels is not None):
            break
        if code == JPEG_SCAN and pixels is not None:
            return pixels
        content_start = stream.tell()
        if code in JPEG_FRAMES:
            height, width = struct.unpack(">xHH", _read(stream, 5))
            pixels = height * width
        stream.seek(content_start + length - 2)
    raise ValueError("its segments are not in the order of a JPEG")


def _read(stream: BinaryIO, count: int) -> bytes:
    found = stream.read(count)
    if len(found) < count:
        raise ValueError("it ends before its pixels begin")
    return found
