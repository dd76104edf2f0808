"""Reading every file of a case once, and writing down what it holds."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.facts import CaseFacts, Histogram, ImageFacts, Intensity, LabelMapFacts
from medweave.data.facts_store import FactsStore
from medweave.data.finding import Finding, Severity
from medweave.data.index import DatasetIndex
from medweave.data.likeness import perceptual_hashes, thumbnail
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_channels, read_header, read_label_map
from medweave.preprocessing.readers.raster import distinct_colours, is_raster

ReadT = TypeVar("ReadT")

#: Of a picture with labels; more, or larger ones only, are grey values of a mask.
MOST_LABELS = 16

CODES = {
    "image file is truncated": "truncated",
    "a label map holds values that are not labels": "not_labels",
}


def examine_all(
    index: DatasetIndex,
    *,
    spatial_dims: Mapping[str, int] | None = None,
    store: FactsStore | None = None,
    workers: int = 2,
    on_case: Callable[[CaseFacts], None] | None = None,
) -> list[CaseFacts]:
    """Examine every case of an index, in its order.

    Args:
        index: The cases.
        spatial_dims: 2 or 3 by image name; files of other images are taken as they are.
        store: Knows the facts of files that were examined before; None examines all.
        workers: Threads; each holds the files of one case in memory at a time.
        on_case: Called with the facts of each case as they come, in order.
    """
    facts = []
    work = partial(
        _recall_or_examine,
        structures=index.structures,
        structures_of_recipe=index.structures_of_recipe,
        spatial_dims=spatial_dims,
        store=store,
    )
    with ThreadPoolExecutor(workers) as pool:
        for case_facts in pool.map(work, index.cases):
            facts.append(case_facts)
            if on_case is not None:
                on_case(case_facts)
    return facts


def _recall_or_examine(
    case: Case,
    *,
    structures: Mapping[str, Mapping[str, int]],
    structures_of_recipe: frozenset[str],
    spatial_dims: Mapping[str, int] | None,
    store: FactsStore | None,
) -> CaseFacts:
    asked = {
        "structures": {name: list(values.items()) for name, values in structures.items()},
        "structures_of_recipe": sorted(structures_of_recipe),
        "spatial_dims": dict(spatial_dims or {}),
    }
    key = store.key(case, asked) if store else None
    facts = store.load(key, case) if store and key else None
    if facts is None:
        facts = examine(
            case, structures=structures, structures_of_recipe=structures_of_recipe, spatial_dims=spatial_dims
        )
        if store and key:
            store.save(key, facts)
    return facts


def examine(
    case: Case,
    *,
    structures: Mapping[str, Mapping[str, int]],
    structures_of_recipe: frozenset[str] = frozenset(),
    spatial_dims: Mapping[str, int] | None = None,
) -> CaseFacts:
    """Read each file of a case once and describe it; what is wrong with the data becomes a finding, never an error.

    Args:
        case: The case.
        structures: Value of each structure, by label map name.
        structures_of_recipe: Label maps that may hold other labels, which nobody reads.
        spatial_dims: 2 or 3 by image name; files of other images are taken as they are (one slice is 2D, and a fourth
            axis is the channels).
    """
    wanted = spatial_dims or {}
    notes = _Notes(case.case_id)
    label_maps: dict[str, LabelMapFacts] = {}
    foregrounds: dict[str, NDArray[np.bool_]] = {}
    for name, path in case.label_maps.items():
        dims = wanted.get(name) or read_header(path).spatial_dims
        label_map = _read(read_label_map, path, spatial_dims=dims, notes=notes)
        if label_map is not None:
            label_maps[name] = _describe_label_map(
                label_map,
                path,
                structures=structures.get(name, {}),
                may_hold_others=name in structures_of_recipe,
                notes=notes,
            )
            foregrounds[name] = sitk.GetArrayFromImage(label_map) != 0
    images: dict[str, ImageFacts] = {}
    for name, path in case.images.items():
        header = read_header(path)
        channels = _read(read_channels, path, spatial_dims=wanted.get(name) or header.spatial_dims, notes=notes)
        if channels is not None:
            images[name] = _describe_image(
                channels, path, pixel_type=header.pixel_type, foreground=foregrounds.get(name), notes=notes
            )
            _compare_grids(images[name], label_maps.get(name), notes)
    return CaseFacts(
        case.case_id, case.subject_id, case.targets, images, label_maps, tuple(notes.findings), case.attributes
    )


@dataclass(frozen=True)
class _Notes:
    case_id: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, severity: Severity, code: str, *, path: Path, message: str, fix: str) -> None:
        self.findings.append(
            Finding(severity=severity, code=code, case_ids=(self.case_id,), path=path, message=message, fix=fix)
        )


def _read(reader: Callable[..., ReadT], path: Path, *, spatial_dims: int, notes: _Notes) -> ReadT | None:
    """Return what the reader makes of the file, or None with a finding."""
    try:
        return reader(path, spatial_dims=spatial_dims)
    except DataError as error:
        details = f"; got {error.got}" if error.got is not None else ""
        details += f", wanted {error.wanted}" if error.wanted is not None else ""
        code, message, fix = CODES.get(error.what, "unreadable"), f"{error.what}{details}", error.fix
    except (RuntimeError, OSError) as error:
        code, message, fix = "unreadable", f"image file cannot be read; got {error}", None
    notes.add("error", code, path=path, message=message, fix=fix or "replace the file or leave the case out.")
    return None


def _describe_label_map(
    label_map: sitk.Image, path: Path, *, structures: Mapping[str, int], may_hold_others: bool, notes: _Notes
) -> LabelMapFacts:
    labels = sitk.GetArrayViewFromImage(label_map)
    grid = Grid.of(label_map)
    counts = np.sum([np.bincount(part.ravel(), minlength=256) for part in labels], axis=0)  # it copies to int64
    found = [int(value) for value in np.flatnonzero(counts) if value != 0]
    unexpected = sorted(set(found) - set(structures.values())) if structures else []
    is_grey = not may_hold_others or len(found) > MOST_LABELS or min(found, default=0) > MOST_LABELS
    if unexpected and is_grey and is_raster(path) and list(structures.values()) == [1]:
        notes.add(
            "error",
            "grey_mask",
            path=path,
            message=f"a mask with grey values; got {len(found) + 1} of them, wanted black and white",
            fix="cut it at a threshold and save it with the values 0 and 255, not as JPEG.",
        )
    elif unexpected and not may_hold_others:
        notes.add(
            "error",
            "unexpected_labels",
            path=path,
            message=f"the label map holds labels outside the schema; got {unexpected}, wanted {dict(structures)}",
            fix="correct the labels, or declare the structure.",
        )
    if not found:
        notes.add(
            "warning",
            "empty_label_map",
            path=path,
            message="the label map is all background",
            fix="make sure that the structures are really absent; else leave the label map out.",
        )
    voxels = {
        name: int(counts[value]) for name, value in (structures or {str(value): value for value in found}).items()
    }
    volume_ml = {name: count * grid.voxel_volume_ml for name, count in voxels.items()}
    unread = tuple(unexpected) if may_hold_others else ()
    return LabelMapFacts(path, grid, voxels, volume_ml, int(counts[0]), _sha256([label_map]), unread)


def _describe_image(
    channels: Sequence[sitk.Image],
    path: Path,
    *,
    pixel_type: str,
    foreground: NDArray[np.bool_] | None,
    notes: _Notes,
) -> ImageFacts:
    channels = distinct_colours(channels) if is_raster(path) else channels
    arrays = [sitk.GetArrayViewFromImage(channel) for channel in channels]
    mask = foreground if foreground is not None and foreground.shape == arrays[0].shape else None
    intensity = _statistics(arrays)
    inside = _statistics([array[mask] for array in arrays]) if mask is not None else ()
    n_bad = sum(int(array.size - np.isfinite(array).sum()) for array in arrays)
    if n_bad:
        notes.add(
            "error",
            "not_finite",
            path=path,
            message=f"the image holds {n_bad:,} NaN or infinite values",
            fix="replace them, or leave the case out.",
        )
    is_empty = all if is_raster(path) else any  # one colour of a picture may be absent
    if intensity and is_empty(channel.minimum == channel.maximum for channel in intensity):
        notes.add(
            "error",
            "empty_image",
            path=path,
            message=f"the image is empty; every voxel is {intensity[0].minimum:g}",
            fix="export the image again, or leave the case out.",
        )
    shown = np.nan_to_num(to_array(channels[0]), posinf=0.0, neginf=0.0) if n_bad else to_array(channels[0])
    firsts = [*intensity[:1], *inside[:1]]
    low = min((channel.p00_5 for channel in firsts), default=0.0)
    high = max((channel.p99_5 for channel in firsts), default=0.0)
    return ImageFacts(
        path=path,
        grid=Grid.of(channels[0]),
        n_channels=len(channels),
        pixel_type=pixel_type,
        intensity=intensity,
        foreground_intensity=inside,
        sha256=_sha256(channels),
        perceptual_hashes=perceptual_hashes(shown),
        thumbnail=thumbnail(shown),
        histogram=Histogram.of(arrays[0], low=low, high=high),
        foreground_histogram=None if mask is None else Histogram.of(arrays[0][mask], low=low, high=high),
    )


def _statistics(arrays: Sequence[NDArray[np.float32]]) -> tuple[Intensity, ...]:
    finite = [array if np.isfinite(array).all() else array[np.isfinite(array)] for array in arrays]
    return tuple(Intensity.of(values) for values in finite) if all(values.size for values in finite) else ()


def _compare_grids(image: ImageFacts, label_map: LabelMapFacts | None, notes: _Notes) -> None:
    difference = None
    if label_map is not None:
        difference = (
            image.grid.difference(label_map.grid)
            if image.grid.spatial_dims == label_map.grid.spatial_dims
            else f"{image.grid.spatial_dims}D and {label_map.grid.spatial_dims}D"
        )
    if label_map is not None and difference is not None:
        notes.add(
            "error",
            "geometry_mismatch",
            path=label_map.path,
            message=f"image and label map lie on different grids: {difference}",
            fix="write the label map with the image's header, or resample it onto the image.",
        )


def image_sha256(path: Path, *, spatial_dims: int) -> str:
    """Return the hash of an image's content, as `examine` gives it.

    Raises:
        DataError: The file cannot be read.
    """
    channels = read_channels(path, spatial_dims=spatial_dims)
    return _sha256(distinct_colours(channels) if is_raster(path) else channels)


def _sha256(channels: Sequence[sitk.Image]) -> str:
    digest = hashlib.sha256()
    spacing_mm = tuple(round(spacing, 3) for spacing in channels[0].GetSpacing())
    digest.update(f"{channels[0].GetSize()} {spacing_mm}".encode())
    for channel in channels:
        digest.update(sitk.GetArrayViewFromImage(channel))
    return digest.hexdigest()
