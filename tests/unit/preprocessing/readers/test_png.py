import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medweave.core.errors import DataError
from medweave.preprocessing.readers.medical import read_channels
from medweave.preprocessing.readers.png import _bytes_of_pixels, _unpacked_bytes, verify_png

RNG = np.random.default_rng(0)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with_height(content: bytes, height: int) -> bytes:
    header = content[16:20] + struct.pack(">I", height) + content[24:29]
    return content[:8] + _chunk(b"IHDR", header) + content[33:]


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 33)])
def test_every_kind_of_png_is_whole_with_its_own_rows_and_not_with_one_more(
    tmp_path: Path, mode: str, size: tuple[int, int]
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RNG.integers(0, 256, size, np.uint8)).convert(mode).save(path)
    verify_png(path)
    path.write_bytes(_with_height(path.read_bytes(), size[0] + 1))
    with pytest.raises(DataError, match="image file is truncated"):
        verify_png(path)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (13, 21), (5, 1)])
def test_the_passes_of_an_interlaced_picture_hold_each_pixel_once(size: tuple[int, int]) -> None:
    depth_16_grey = struct.pack(">IIBBBBB", *size, 16, 0, 0, 0, 1)
    passes = [len(range(y, size[1], b)) for x, y, a, b in _adam7() if len(range(x, size[0], a))]
    assert _bytes_of_pixels(depth_16_grey) == 2 * size[0] * size[1] + sum(passes)


def _adam7() -> list[tuple[int, int, int, int]]:
    """Return first column, first row and steps of each pass, read off the matrix of W3C PNG, 8.2."""
    matrix = np.array(
        [
            [1, 6, 4, 6, 2, 6, 4, 6],
            [7] * 8,
            [5, 6] * 4,
            [7] * 8,
            [3, 6, 4, 6, 3, 6, 4, 6],
            [7] * 8,
            [5, 6] * 4,
            [7] * 8,
        ]
    )
    found = []
    for number in range(1, 8):
        rows, columns = np.unique(np.argwhere(matrix == number)[:, 0]), np.unique(np.argwhere(matrix == number)[:, 1])
        steps = [int(np.diff(values)[0]) if len(values) > 1 else 8 for values in (columns, rows)]
        found.append((int(columns[0]), int(rows[0]), *steps))
    return found


def test_a_stream_is_unpacked_no_farther_than_the_pixels_reach() -> None:
    packer = zlib.compressobj()

    def endless() -> Iterator[bytes]:
        while True:
            yield packer.compress(bytes(10)) + packer.flush(zlib.Z_SYNC_FLUSH)

    assert _unpacked_bytes(endless(), enough=105) == 110


def test_many_chunks_and_long_rows_are_counted_together(tmp_path: Path) -> None:
    path, pixels = tmp_path / "a.png", RNG.integers(0, 256, (40, 50), np.uint8)
    stream = zlib.compress(b"".join(b"\0" + row.tobytes() for row in pixels))
    parts = [_chunk(b"IDAT", stream[at : at + 100]) for at in range(0, len(stream), 100)]
    start, end = (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 50, 40, 8, 0, 0, 0, 0)),
        _chunk(b"IEND", b""),
    )
    path.write_bytes(start + b"".join(parts) + end)
    assert len(parts) > 10
    verify_png(path)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)


def test_a_picture_without_its_last_rows_is_refused_and_not_read_as_black(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RNG.integers(1, 256, (40, 50), np.uint8)).save(path)
    path.write_bytes(_with_height(path.read_bytes(), 60))
    assert (np.asarray(Image.open(path))[40:] == 0).all()  # what Pillow says
    with pytest.raises(DataError, match=r"2040 bytes of pixels; wanted 3060"):
        read_channels(path, spatial_dims=2)
