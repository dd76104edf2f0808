import io
import struct

import numpy as np
import pytest

from medweave.serving.picture_header import MAX_PARTS, PNG_SIGNATURE, jpeg_pixels, png_pixels

VALUES = np.arange(35, dtype=np.uint8).reshape(5, 7)


def chunk(kind, data=b""):
    return struct.pack(">I4s", len(data), kind) + data + bytes(4)


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 7, 5, 8, 0, 0, 0, 0))
FRAME = b"\xff\xc0" + struct.pack(">HBHHB", 9, 8, 5, 7, 1) + b"\x00"


def test_sizes_are_those_that_pillow_wrote(encode):
    assert png_pixels(io.BytesIO(encode(VALUES))) == 35
    assert jpeg_pixels(io.BytesIO(encode(VALUES, "JPEG"))) == 35


@pytest.mark.parametrize(
    "chunks",
    [
        [HEADER, HEADER, chunk(b"IDAT")],
        [chunk(b"IDAT"), HEADER],
        [HEADER, *[chunk(b"tEXt")] * MAX_PARTS],
        [chunk(b"tEXt"), HEADER, chunk(b"IDAT")],
    ],
)
def test_a_png_whose_size_is_open_to_interpretation_is_refused(chunks):
    with pytest.raises(ValueError, match="order of a PNG"):
        png_pixels(io.BytesIO(PNG_SIGNATURE + b"".join(chunks)))


@pytest.mark.parametrize("segments", [[FRAME, FRAME, b"\xff\xda\0\2"], [b"junk", FRAME], [b"\xff\xe0\0\0"]])
def test_a_jpeg_whose_size_is_open_to_interpretation_is_refused(segments):
    with pytest.raises(ValueError, match="order of a JPEG"):
        jpeg_pixels(io.BytesIO(b"\xff\xd8" + b"".join(segments)))


def test_an_early_end_is_told():
    with pytest.raises(ValueError, match="before its pixels"):
        png_pixels(io.BytesIO(PNG_SIGNATURE + HEADER))
    with pytest.raises(ValueError, match="before its pixels"):
        jpeg_pixels(io.BytesIO(b"\xff\xd8" + FRAME))
