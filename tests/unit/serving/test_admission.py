import gzip
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest

from medweave.preprocessing.pipeline import Preprocessor
from medweave.serving.admission import Admission, RefusedImageError
from medweave.serving.limits import Limits

LIMITS = Limits(decompressed_mb=1, pixels=1000, voxels=400_000)
VOLUMES = Preprocessor()


@pytest.fixture
def admit(tmp_path):
    def call(content, *, preprocessor=VOLUMES, limits=LIMITS):
        return Admission(folder, limits).admit(io.BytesIO(content), "image", preprocessor)

    folder = tmp_path / "admitted"
    folder.mkdir()
    return call


@pytest.fixture
def refused(admit):
    def call(content, **options):
        with pytest.raises(RefusedImageError) as caught:
            admit(content, **options)
        return caught.value.kind

    return call


def test_images_get_names_of_the_services_own_by_their_content(admit, encode, nifti):
    content = nifti(np.zeros((4, 4, 4), np.int16))
    assert admit(encode(np.zeros((4, 4), np.uint8))).name == "0.png"
    assert admit(encode(np.zeros((4, 4), np.uint8), "JPEG")).name == "1.jpg"
    assert admit(content).name == "2.nii"
    written = admit(gzip.compress(content))
    assert (written.name, written.read_bytes()) == ("3.nii", content)


def test_a_gzip_bomb_is_refused_by_its_header_before_it_is_unpacked(refused, nifti, tmp_path):
    header = bytearray(nifti(np.zeros((4, 4, 4), np.int16))[:352])
    header[40:56] = struct.pack("<8h", 3, 32767, 32767, 32767, 1, 1, 1, 1)
    bomb = gzip.compress(bytes(header) + bytes(30_000_000))
    assert len(bomb) < 50_000
    assert refused(bomb) == "image-too-large"
    assert list((tmp_path / "admitted").iterdir()) == []


def test_a_gzip_bomb_with_a_small_header_is_stopped_while_it_is_unpacked(refused, nifti, tmp_path):
    content = nifti(np.zeros((4, 4, 4), np.int16))
    bomb = gzip.compress(content + bytes(50_000_000), compresslevel=1)
    tracemalloc.start()
    assert refused(bomb) == "image-too-large"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
    assert [path.stat().st_size <= 1_000_000 for path in (tmp_path / "admitted").iterdir()] == [True]


def test_all_images_of_a_request_share_the_bytes(tmp_path, nifti):
    content = nifti(np.zeros((30, 100, 100), np.int16))
    (tmp_path / "admitted").mkdir()
    both = Admission(tmp_path / "admitted", LIMITS)
    both.admit(io.BytesIO(content), "ed", VOLUMES)
    with pytest.raises(RefusedImageError, match="image 'es': more than 1000000 bytes in all images"):
        both.admit(io.BytesIO(content), "es", VOLUMES)


def test_a_picture_of_too_many_pixels_is_refused_by_its_header(refused, encode):
    assert refused(encode(np.zeros((40, 40), np.uint8))) == "image-too-large"
    assert refused(encode(np.zeros((40, 40), np.uint8), "JPEG")) == "image-too-large"


def test_a_spacing_that_would_make_a_small_file_a_huge_volume_is_refused(refused, admit, nifti):
    preprocessor = Preprocessor(spacing_mm=(1.0, 1.0, 5.0))
    assert (
        refused(nifti(np.zeros((4, 4, 4), np.int16), spacing_mm=(50.0, 50.0, 50.0)), preprocessor=preprocessor)
        == "image-too-large"
    )
    thin = nifti(np.zeros((2, 20, 20), np.int16), spacing_mm=(50.0, 50.0, 0.001))
    assert refused(thin, preprocessor=preprocessor) == "image-too-large"
    admit(nifti(np.zeros((4, 4, 4), np.int16), spacing_mm=(5.0, 5.0, 5.0)), preprocessor=preprocessor)


@pytest.mark.parametrize("content", [b"GIF89a" + bytes(400), b"PK\x03\x04" + bytes(400), b"hello", bytes(400)])
def test_other_kinds_of_files_are_refused_whatever_they_are_called(refused, content):
    assert refused(content) == "unsupported-image"
    assert refused(gzip.compress(content)) == "unsupported-image"


def test_damaged_and_empty_files_are_refused(refused, nifti, encode):
    content = nifti(np.zeros((8, 8, 8), np.int16))
    assert refused(b"") == "empty-image"
    assert refused(content[:-1]) == "damaged-image"
    assert refused(gzip.compress(content)[:-9]) == "damaged-image"
    assert refused(gzip.compress(content)[:-8] + bytes(8)) == "damaged-image"
    assert refused(encode(np.zeros((8, 8), np.uint8))[:20]) == "damaged-image"
    no_pixels = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", struct.pack(">IIBBBBB", 0, 5, 8, 0, 0, 0, 0)), (b"IDAT", b""))
    )
    assert refused(no_pixels) == "damaged-image"
