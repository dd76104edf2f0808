"""Reading a folder that holds one DICOM series as a volume, through SimpleITK's GDCM.

ITK stacks whatever files it is given; what does not make one volume is refused here before it does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError

#: DICOM PS3.10, 7.1: 128 bytes, then this; a DICOMDIR is a list of files and no image.
MAGIC, PREAMBLE_BYTES, DIRECTORY = b"DICM", 128, "DICOMDIR"
#: By how much steps between slices may differ, as a share of a step, since headers round positions; a shorter one is
#: none.
TOLERANCE = 0.05
SERIES, DESCRIPTION, POSITION, ORIENTATION = "0020|000e", "0008|103e", "0020|0032", "0020|0037"
#: In what slices at a place may differ: the b-value (the standard's, Siemens', GE's), the sequence, echo or time.
DIFFERENCES = ("0018|9087", "0019|100c", "0043|1039", "0018|0024", "0018|0081", "0020|0100", "0008|0032")


@dataclass(frozen=True)
class _Slice:
    path: Path
    tags: dict[str, str]
    size: tuple[int, ...]

    def numbers(self, tag: str) -> NDArray[np.float64]:
        return np.array([float(part) for part in self.tags[tag].split("\\")])

    @property
    def normal(self) -> NDArray[np.float64]:
        rows, columns = self.numbers(ORIENTATION).reshape(2, 3)
        return np.cross(rows, columns)


def is_dicom_series(path: Path) -> bool:
    """Tell whether a folder holds DICOM files."""
    return path.is_dir() and any(map(_is_dicom, path.iterdir()))


def dicom_files(folder: Path) -> list[Path]:
    """Return the DICOM files of a folder by name."""
    return sorted(filter(_is_dicom, folder.iterdir()))


def read_dicom_series(folder: Path) -> sitk.Image:
    """Read the series of a folder in float32, its slices in the order of their places.

    Raises:
        DataError: The folder holds no DICOM file or several series, or its slices do not make one volume.
    """
    files = dicom_files(folder)
    if not files:
        raise DataError("the folder holds no DICOM file", where=folder, fix="name an image, or the folder of a series.")
    try:
        slices = [_read_tags(path) for path in files]
        _verify_series(slices, folder)
        ordered = slices if len(slices) == 1 else _ordered(slices, folder)
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames([str(each.path) for each in ordered])
        reader.SetOutputPixelType(sitk.sitkFloat32)
        return reader.Execute()
    except (RuntimeError, KeyError, ValueError) as error:
        raise DataError(
            "the DICOM series cannot be read", where=folder, got=str(error).splitlines()[-1], fix="export it again."
        ) from error


def _is_dicom(path: Path) -> bool:
    if not path.is_file() or path.name.startswith(".") or path.name == DIRECTORY:
        return False
    with path.open("rb") as stream:
        return stream.read(PREAMBLE_BYTES + len(MAGIC))[PREAMBLE_BYTES:] == MAGIC


def _read_tags(path: Path) -> _Slice:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.LoadPrivateTagsOn()
    reader.ReadImageInformation()
    tags = {key: reader.GetMetaData(key).strip() for key in reader.GetMetaDataKeys()}
    return _Slice(path, tags, tuple(reader.GetSize()))


def _verify_series(slices: Sequence[_Slice], folder: Path) -> None:
    """Refuse slices of several series, sizes or orientations."""
    series = {each.tags[SERIES]: each.tags.get(DESCRIPTION, "without a description") for each in slices}
    if len(series) > 1:
        raise DataError(
            f"the folder holds {len(series)} DICOM series",
            where=folder,
            got=", ".join(sorted(series.values())),
            fix="move each series into a folder of its own.",
        )
    sizes = sorted({each.size for each in slices})
    first = slices[0].numbers(ORIENTATION) if ORIENTATION in slices[0].tags else None
    turned = first is not None and any(np.abs(each.numbers(ORIENTATION) - first).max() > 1e-3 for each in slices)
    if len(sizes) > 1 or turned:
        raise DataError(
            "slices of a DICOM series differ in size or orientation",
            where=folder,
            got=", ".join(map(str, sizes)) if len(sizes) > 1 else "several orientations",
            fix="leave localisers and other views out.",
        )


def _ordered(slices: Sequence[_Slice], folder: Path) -> list[_Slice]:
    """Return the slices along their normal, which must be evenly spaced and one at a place."""
    normal = slices[0].normal
    ordered = sorted(slices, key=lambda each: float(each.numbers(POSITION) @ normal))
    moves = np.diff([each.numbers(POSITION) for each in ordered], axis=0)
    steps = moves @ normal
    onward = steps > TOLERANCE * steps.max()
    n_places = 1 + int(onward.sum())
    if n_places < len(ordered):
        raise DataError(
            f"a DICOM series has {len(ordered)} slices at {n_places} places",
            where=folder,
            got=_what_differs(slices),
            fix="keep the slices of one b-value, echo or time in a folder.",
        )
    step = float(np.median(steps))
    if np.abs(steps - step).max() > TOLERANCE * step:
        raise DataError(
            "the slices of a DICOM series are not evenly spaced",
            where=folder,
            got=f"steps from {steps.min():.4g} to {steps.max():.4g} mm",
            fix="complete the series.",
        )
    if np.abs(moves - np.outer(steps, normal)).max() > TOLERANCE * step:
        raise DataError(
            "the slices of a DICOM series are not in line, as with a tilted gantry",
            where=folder,
            fix="convert the series with a program that shears it back.",
        )
    return ordered


def _what_differs(slices: Sequence[_Slice]) -> str | None:
    """Return the values of the first tag in which the slices at a place may differ."""
    for tag in DIFFERENCES:
        found = {each.tags.get(tag, "") for each in slices}
        if len(found) > 1:
            return f"tag ({tag.replace('|', ',')}) with {', '.join(sorted(found))}"
    return None
