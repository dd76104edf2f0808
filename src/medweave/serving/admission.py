"""What an uploaded image must be before anything parses it: of a known kind by its content, and within the limits."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from itertools import permutations
from math import prod
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal, Protocol

import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.dicom import MAGIC, PREAMBLE_BYTES, dicom_files, read_dicom_series
from medweave.serving import dicom_archive
from medweave.serving.limits import BYTES_PER_MB, Limits
from medweave.serving.nifti_header import HEADER_BYTES, is_nifti, nifti_size
from medweave.serving.picture_header import JPEG_SIGNATURE, PNG_SIGNATURE, jpeg_pixels, png_pixels

GZIP_SIGNATURE = b"\x1f\x8b"
CHUNK_BYTES, FLOAT_BYTES = 2**18, 4

Refusal = Literal["damaged-image", "empty-image", "image-too-large", "unsupported-image"]


class RefusedImageError(DataError):
    """An uploaded image is not taken.

    Args:
        kind: Why, for programs.
        what: What is wrong, as a sentence without its full stop.
        fix: What to do, as a sentence.
    """

    def __init__(self, kind: Refusal, what: str, *, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.kind: Refusal = kind


class Readable(Protocol):
    """What bytes are read from."""

    def read(self, count: int, /) -> bytes:
        """Return at most so many of the next bytes, none at the end."""
        ...


class Admission:
    """Writes the images of a request to disk, decompressed, as long as they keep the limits.

    DICOM files become the NIfTI volume that they hold, so that nothing behind this class knows of them.

    Args:
        folder: Where they go.
        limits: What they must keep.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self._written_bytes = 0

    def admit(self, content: BinaryIO, name: str, preprocessor: Preprocessor) -> Path:
        """Write an image.

        Args:
            content: The uploaded file.
            name: Of the image, as the model calls it.
            preprocessor: Of the input that the image belongs to.

        Returns:
            The written file, whose suffix tells its kind.

        Raises:
            RefusedImageError: It is empty, of an unknown kind, damaged or too large.
        """
        start = content.read(PREAMBLE_BYTES + len(MAGIC))
        content.seek(0)
        stem = str(len(list(self.folder.iterdir())))
        try:
            if start.startswith(PNG_SIGNATURE):
                return self._picture(content, png_pixels(content), self.folder / f"{stem}.png")
            if start.startswith(JPEG_SIGNATURE):
                return self._picture(content, jpeg_pixels(content), self.folder / f"{stem}.jpg")
            path = self.folder / f"{stem}.nii"
            if start.startswith(dicom_archive.SIGNATURE):
                with dicom_archive.archive_entries(content, max_files=self.limits.archive_files) as (archive, entries):
                    self._keep_bytes(sum(entry.file_size for entry in entries))
                    return self._series((archive.open(entry) for entry in entries), path, preprocessor)
            if start.endswith(MAGIC):
                return self._series([content], path, preprocessor)
            if start.startswith(GZIP_SIGNATURE):
                with gzip.open(content) as plain:
                    return self._volume(plain, path, preprocessor)
            if start:
                return self._volume(content, path, preprocessor)
        except RefusedImageError as error:
            raise RefusedImageError(error.kind, f"image {name!r}: {error.what}", fix=error.fix) from error
        except (EOFError, gzip.BadGzipFile, zlib.error, ValueError) as error:
            raise RefusedImageError("damaged-image", f"image {name!r}: {error}", fix="send it again.") from error
        raise RefusedImageError("empty-image", f"image {name!r} has no content", fix="send it again.")

    def _picture(self, content: BinaryIO, pixels: int, path: Path) -> Path:
        if pixels == 0:
            raise ValueError("it has no pixels")
        _keep(pixels, self.limits.pixels, "pixels")
        content.seek(0)
        self._write(_chunks(content), path)
        return path

    def _volume(self, content: Readable, path: Path, preprocessor: Preprocessor) -> Path:
        header = content.read(HEADER_BYTES)
        if not is_nifti(header):
            raise RefusedImageError(
                "unsupported-image",
                "it is none of NIfTI-1 in one file (.nii, .nii.gz), DICOM, PNG and JPEG",
                fix="convert it.",
            )
        size = nifti_size(header)
        _keep(size.voxels, self.limits.voxels, "voxels")
        self._keep_bytes(size.file_bytes)
        written = self._write(_chunks(content, first=header), path)
        if written < size.file_bytes:
            raise ValueError(f"it has {written} of the {size.file_bytes} bytes that its header promises")
        _keep(_preprocessed_voxels(path, preprocessor), self.limits.voxels, "voxels in the model's spacing")
        return path

    def _series(self, files: Iterable[Readable], path: Path, preprocessor: Preprocessor) -> Path:
        with TemporaryDirectory(dir=self.folder) as name:
            folder = Path(name)
            for number, file in enumerate(files):
                self._write(_chunks(file), folder / f"{number}.dcm")
            slices = dicom_files(folder)
            if not slices:
                raise RefusedImageError("unsupported-image", "its archive has no DICOM file", fix="send one series.")
            voxels = sum(prod(_header(each).GetSize()) for each in slices)
            _keep(voxels, self.limits.voxels, "voxels")
            self._keep_bytes(voxels * FLOAT_BYTES)
            try:
                sitk.WriteImage(read_dicom_series(folder), str(path))
            except DataError as error:
                what = error.what if error.got is None else f"{error.what}: {error.got}"
                fix = "send one whole series."
                raise RefusedImageError("damaged-image", what.replace(f"{folder}/", ""), fix=fix) from error
        self._written_bytes += path.stat().st_size
        _keep(_preprocessed_voxels(path, preprocessor), self.limits.voxels, "voxels in the model's spacing")
        return path

    def _write(self, chunks: Iterator[bytes], path: Path) -> int:
        """Write chunks as long as the request may have more of them; return their bytes."""
        written = 0
        with path.open("xb") as stream:
            for chunk in chunks:
                written += len(chunk)
                self._keep_bytes(written)
                stream.write(chunk)
        self._written_bytes += written
        return written

    def _keep_bytes(self, more: int) -> None:
        limit = self.limits.decompressed_mb * BYTES_PER_MB
        _keep(self._written_bytes + more, limit, "bytes in all images, decompressed,")


def _chunks(content: Readable, *, first: bytes = b"") -> Iterator[bytes]:
    if first:
        yield first
    while chunk := content.read(CHUNK_BYTES):
        yield chunk


def _keep(found: float, limit: int, what: str) -> None:
    if found > limit:
        raise RefusedImageError(
            "image-too-large", f"more than {limit} {what} are not taken here", fix="send a smaller image."
        )


def _header(path: Path) -> sitk.ImageFileReader:
    """Return a reader that has read an image's header."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ValueError("its header cannot be read") from error
    return reader


def _preprocessed_voxels(path: Path, preprocessor: Preprocessor) -> float:
    """Return at most how many voxels a volume has in the model's spacing, whichever way its axes lie."""
    if preprocessor.spacing_mm is None:
        return 0
    header = _header(path)
    extents_mm = [size * spacing for size, spacing in zip(header.GetSize()[:3], header.GetSpacing()[:3], strict=True)]
    return max(
        prod(max(extent / spacing, 1.0) for extent, spacing in zip(extents_mm, order, strict=False))
        for order in permutations(preprocessor.spacing_mm)
    )
