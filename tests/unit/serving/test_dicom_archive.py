import io
import struct
import zipfile

import pytest

from medweave.serving.dicom_archive import archive_entries


def _zipped(names, **options):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **options) as archive:
        for name in names:
            archive.writestr(name, name.encode())
    return content


def _listed(content, max_files=10):
    with archive_entries(content, max_files=max_files) as (archive, entries):
        return [archive.read(entry) for entry in entries]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_files_are_listed_without_folders_and_dicomdirs(compression):
    content = _zipped(["DICOMDIR", "a/", "a/DICOMDIR", "a/1", "../2"], compression=compression)
    assert _listed(content) == [b"a/1", b"../2"]


def test_an_archive_with_a_comment_or_of_64_bits_is_refused():
    content = _zipped(["1"])
    with zipfile.ZipFile(content, "a") as archive:
        archive.comment = b"made by hand"
    with pytest.raises(ValueError, match="plain zip archive"):
        _listed(content)
    plain = _zipped(["1"]).getvalue()
    wide = plain[:-22] + b"PK\x06\x07" + bytes(16) + plain[-22:]
    with pytest.raises(ValueError, match="plain zip archive"):
        _listed(io.BytesIO(wide))


def test_a_long_list_of_files_is_refused_before_it_is_read():
    content = bytearray(_zipped(["1"]).getvalue())
    content[-10:-6] = struct.pack("<L", 10 * 512 + 1)
    with pytest.raises(ValueError, match="lists more than 10 files"):
        _listed(io.BytesIO(bytes(content)))


def test_encrypted_and_unusually_packed_files_are_refused():
    encrypted = bytearray(_zipped(["1"]).getvalue())
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ValueError, match="encrypted"):
        _listed(io.BytesIO(bytes(encrypted)))
    with pytest.raises(ValueError, match="neither stored nor deflated"):
        _listed(_zipped(["1"], compression=zipfile.ZIP_LZMA))


def test_a_damaged_archive_is_refused():
    content = bytearray(_zipped(["1"]).getvalue())
    content[content.index(b"PK\x01\x02")] ^= 1
    with pytest.raises(ValueError, match="cannot be read"):
        _listed(io.BytesIO(bytes(content)))
