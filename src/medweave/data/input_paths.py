"""Which cases the paths name that a person gives to predict."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from medweave.core.errors import DataError, UsageError
from medweave.data.case import Case
from medweave.data.layouts.layout import AutoLayout, Layout, scan
from medweave.data.study import StudySource
from medweave.data.table_file import TABLE_SUFFIXES
from medweave.preprocessing.readers.dicom import is_dicom_series
from medweave.preprocessing.readers.medical import IMAGE_SUFFIXES, image_stem, image_suffix
from medweave.preprocessing.readers.raster import is_raster


def cases_of_paths(paths: Sequence[Path], *, source: StudySource, layout: Layout) -> list[Case]:
    """Return the cases that files and folders hold.

    A folder or table is read in the model's own layout, or in one that it looks like. A folder that holds files called
    like the model's images ("flair.nii.gz") is a case; any other folder's images, and single files, are a case each,
    which only a model of one image can answer.

    Args:
        paths: Image files, case tables and folders.
        source: What the model reads of a case.
        layout: Of the data that the model was trained on.

    Raises:
        UsageError: There is no path, two cases have one name, or a lone file is given to a model of several images.
        DataError: A path is absent or holds no image.
    """
    if not paths:
        raise UsageError("nothing to predict", fix="name image files or folders.")
    cases = [case for path in paths for case in _cases_of_path(path, source, layout)]
    _refuse_equal_names(cases)
    return cases


def _cases_of_path(path: Path, source: StudySource, layout: Layout) -> Iterator[Case]:
    names = [name for entry in source.inputs.values() for name in entry.image_names]
    if is_dicom_series(path):
        yield _case_of_file(path, names)
        return
    if path.is_dir() or path.suffix.lower() in TABLE_SUFFIXES:
        for candidate in (layout, AutoLayout()):
            if path.exists() and candidate.matches(path):
                yield from scan(path, layout=candidate).cases
                return
    if not path.is_dir():
        yield _case_of_file(path, names)
        return
    files = _image_files(path, source)
    named = {image_stem(file.name): file for file in files if image_stem(file.name) in names}
    if named:
        case_id = path.resolve().name
        yield Case(case_id, case_id, images=named)
    else:
        yield from (_case_of_file(file, names, folder=path) for file in files)


def _image_files(folder: Path, source: StudySource) -> list[Path]:
    """Return the folder's images, files or DICOM series, sorted; pictures only where the model takes 2D images.

    Of a folder without an image of its own, those are the DICOM series of all folders below (patient, study, series).
    """
    takes_pictures = any(entry.preprocessor.spatial_dims == 2 for entry in source.inputs.values())
    files = [
        path
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
        and (is_dicom_series(path) or (image_suffix(path.name) and (takes_pictures or not is_raster(path))))
    ] or [path for path in sorted(folder.rglob("*")) if is_dicom_series(path) and not _is_hidden(path, folder)]
    if not files:
        raise DataError(
            "the folder holds no image",
            where=folder,
            wanted=f"files ending in {', '.join(IMAGE_SUFFIXES)}, or folders of a DICOM series",
            fix="name the folder that holds them, or themselves.",
        )
    return files


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _case_of_file(path: Path, image_names: Sequence[str], *, folder: Path | None = None) -> Case:
    """Return the case of a lone image, called by its place below `folder`."""
    if not path.exists():
        raise DataError("image file not found", where=path, fix="check the path.")
    if len(image_names) != 1:
        raise UsageError(
            f"the model takes {len(image_names)} images a case ({', '.join(image_names)})",
            where=path,
            fix="give a case's folder with files of these names, a folder in a known layout, or a case table.",
        )
    # A link has the name that it was given, but "." and ".." have that of their folder.
    named = path if path.name and path.name != ".." else path.resolve()
    is_plain = path.is_dir() or image_suffix(path.name)
    stem = image_stem(named.name) if is_plain else path.stem
    case_id = "_".join((*path.relative_to(folder).parent.parts, stem)) if folder else stem
    return Case(case_id, case_id, images={image_names[0]: path})


def _refuse_equal_names(cases: Sequence[Case]) -> None:
    seen: dict[str, Case] = {}
    for case in cases:
        if case.case_id in seen:
            files = [next(iter(entry.images.values()), entry.case_id) for entry in (seen[case.case_id], case)]
            raise UsageError(
                "two inputs would write files of one name",
                got=f"{files[0]} and {files[1]}",
                fix="predict them into two folders, or name them in a case table.",
            )
        seen[case.case_id] = case
