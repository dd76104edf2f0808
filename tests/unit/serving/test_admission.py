import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

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


def _zipped(files, **options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


@pytest.fixture
def series(tmp_path, write_dicom_slice):
    """Files of a series of three slices, 4 mm apart, by name; the names run against the places."""
    voxels = np.arange(3 * 5 * 4, dtype=np.int16).reshape(3, 5, 4)
    for number, values in enumerate(voxels):
        write_dicom_slice(
            tmp_path / f"{9 - number}.dcm", values, spacing_mm=(1.5, 2.0), **{"0020|0032": f"5\\-3\\{20 + 4 * number}"}
        )
    return {f"../a/{path.name}": path.read_bytes() for path in sorted(tmp_path.glob("*.dcm"))}


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zipped_dicom_series_becomes_the_volume_that_it_holds(admit, series, tmp_path, compression):
    others = {"a/": b"", "a/DICOMDIR": bytes(128) + b"DICM", "a/readme.txt": b"hello"}
    written = admit(_zipped(series | others, compression=compression))
    image = sitk.ReadImage(written)
    assert (written.name, list((tmp_path / "admitted").iterdir())) == ("0.nii", [written])
    assert sitk.GetArrayFromImage(image).ravel().tolist() == list(range(60))
    assert (image.GetSpacing(), image.GetOrigin()) == ((1.5, 2.0, 4.0), (5.0, -3.0, 20.0))


def test_a_dicom_file_becomes_a_slice(admit, series):
    image = sitk.ReadImage(admit(series["../a/9.dcm"]))
    assert sitk.GetArrayFromImage(image).ravel().tolist() == list(range(20))


def test_an_archive_keeps_the_limits(refused, series, tmp_path):
    archive = _zipped(series)
    assert refused(archive, limits=Limits(voxels=59)) == "image-too-large"
    assert refused(archive, preprocessor=Preprocessor(spacing_mm=(0.01, 0.01, 0.01))) == "image-too-large"
    bomb = _zipped(series | {"zeros": bytes(5_000_000)}, compression=zipfile.ZIP_DEFLATED)
    assert (len(bomb) < 50_000, refused(bomb)) == (True, "image-too-large")
    liar = bytearray(bomb)
    for place in (b"PK\x03\x04", b"PK\x01\x02"):  # the lengths that the archive states of its last file
        start = liar.rindex(place) + (22 if place == b"PK\x03\x04" else 24)
        liar[start : start + 4] = struct.pack("<L", 100)
    assert refused(bytes(liar)) == "damaged-image"
    many = _zipped({f"{number}{'n' * 300}": b"" for number in range(4000)})
    assert refused(many, limits=Limits(archive_files=2000)) == "damaged-image"
    assert [path for path in (tmp_path / "admitted").iterdir() if path.is_dir()] == []


def test_archives_of_other_things_are_refused(refused, series, tmp_path, write_dicom_slice):
    assert refused(_zipped({"image.png": b"no DICOM"})) == "unsupported-image"
    assert refused(_zipped({})) == "unsupported-image"
    archive = _zipped(series, compression=zipfile.ZIP_DEFLATED)
    assert refused(archive[:-1]) == "damaged-image"
    assert refused(b"PK\x03\x04" + bytes(400)) == "damaged-image"
    encrypted = bytearray(archive)
    start = encrypted.index(b"PK\x01\x02") + 8
    encrypted[start] |= 1
    assert refused(bytes(encrypted)) == "damaged-image"
    assert refused(_zipped(series, compression=zipfile.ZIP_BZIP2)) == "damaged-image"
    flipped = bytearray(_zipped(series))
    flipped[len(flipped) // 2] ^= 1
    assert refused(bytes(flipped)) == "damaged-image"
    gap = {name: series[name] for name in list(series)[::2]}
    place = {"0020|0032": "5\\-3\\99"}
    write_dicom_slice(tmp_path / "x.dcm", np.zeros((5, 4), np.int16), spacing_mm=(1.5, 2.0), **place)
    assert refused(_zipped(gap | {"x": (tmp_path / "x.dcm").read_bytes()})) == "damaged-image"


@pytest.mark.parametrize("content", [b"GIF89a" + bytes(400), b"hello", bytes(400)])
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
