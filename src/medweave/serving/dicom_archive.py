"""The files of an uploaded zip archive of DICOM files, read strictly, so that an archive cannot exhaust the machine."""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from medweave.preprocessing.readers.dicom import DIRECTORY

SIGNATURE = b"PK\x03\x04"
#: PKWARE APPNOTE 4.3.16: the end of an archive without a comment; 4.3.15: what stands before it in one of 64 bits.
END, END_SIGNATURE = struct.Struct("<4s4H2LH"), b"PK\x05\x06"
LOCATOR_BYTES, LOCATOR_SIGNATURE = 20, b"PK\x06\x07"
#: Bytes at most that an entry of the list of files needs, with a long name.
MAX_ENTRY_BYTES = 512


@contextmanager
def archive_entries(content: BinaryIO, *, max_files: int) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """Open an archive and list its files, but for folders and DICOMDIRs.

    Raises:
        ValueError: It is not a plain archive, has too many files, or files that are encrypted or packed unusually.
    """
    _verify_end(content, max_files=max_files)
    try:
        with zipfile.ZipFile(content) as archive:
            entries = [
                entry
                for entry in archive.infolist()
                if not entry.is_dir() and entry.filename.rpartition("/")[2] != DIRECTORY
            ]
            if any(entry.flag_bits & 1 for entry in entries):
                raise ValueError("its files are encrypted")
            if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
                raise ValueError("its files are neither stored nor deflated")
            yield archive, entries
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"the archive cannot be read ({error})") from error


def _verify_end(content: BinaryIO, *, max_files: int) -> None:
    """Refuse an archive whose list of files is long, before it is read into memory."""
    size = content.seek(0, 2)
    start = max(size - END.size - LOCATOR_BYTES, 0)
    content.seek(start)
    tail = content.read()
    content.seek(0)
    signature, *_, list_bytes, _, comment_bytes = END.unpack(tail[-END.size :].rjust(END.size, b"\0"))
    if signature != END_SIGNATURE or comment_bytes or tail.startswith(LOCATOR_SIGNATURE):
        raise ValueError("it does not end as a plain zip archive")
    if list_bytes > max_files * MAX_ENTRY_BYTES:
        raise ValueError(f"it lists more than {max_files} files")
