"""The page that looks into data folders: the cases, their slices with their structures, and their intensities."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from medweave.data.case import Case
from medweave.data.examination import examine
from medweave.data.facts import CaseFacts, ImageFacts, LabelMapFacts
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.figures.blending import blended_plane
from medweave.figures.histograms import IntensityCurve, intensity_figure
from medweave.figures.page import figure_png
from medweave.figures.planes import AXIS_NAMES, Plane, display_window, mask_centre, middle_voxel, plane_across
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import read_channels, read_label_map
from medweave.serving.app.table import show_table

#: Of a slice, in pixels: it fits on a screen.
PICTURE_WIDTH = 640


def show_data(folders: Sequence[Path]) -> None:
    """Show the page.

    Args:
        folders: Data folders.

    Raises:
        DataError: A folder matches no layout, or a file cannot be read.
    """
    st.title("Data")
    if not folders:
        st.info("Start the app with `--data FOLDER` to look into a data folder.")
        return
    index = _index(st.selectbox("Folder", folders, format_func=str))
    st.caption(f"{index.name}: {len(index.cases)} cases, layout {index.layout}.")
    st.dataframe(pd.DataFrame([_row(case) for case in index.cases]), hide_index=True, height=250)
    cases = {case.case_id: case for case in index.cases}
    left, right = st.columns([1, 2])
    case = cases[left.selectbox("Case", list(cases))]
    facts = _facts(case, {name: dict(values) for name, values in index.structures.items()})
    for finding in facts.findings:
        left.warning(f"{finding.message}. Fix: {finding.fix}")
    if not facts.images:
        return
    name = left.segmented_control("Image", list(facts.images), default=next(iter(facts.images)), required=True)
    with left:
        _describe(facts.images[name], facts.label_maps.get(name))
    with right:
        _show_slices(facts, name, index.structures.get(name, {}))
        _show_histogram(facts.images[name])


@st.cache_data(show_spinner="Scanning …")
def _index(folder: Path) -> DatasetIndex:
    return scan(folder)


@st.cache_data(show_spinner="Reading …", max_entries=20, hash_funcs={Case: lambda case: (case.case_id, case.paths)})
def _facts(case: Case, structures: Mapping[str, Mapping[str, int]]) -> CaseFacts:
    return examine(case, structures=structures)


def _row(case: Case) -> dict[str, str]:
    return {
        "case": case.case_id,
        "subject": case.subject_id,
        "images": ", ".join(case.images),
        "label maps": ", ".join(case.label_maps),
        **case.targets,
    }


def _describe(image: ImageFacts, label_map: LabelMapFacts | None) -> None:
    rows = {
        "voxels": " x ".join(map(str, image.grid.size_voxels)),
        "spacing (mm)": " x ".join(f"{spacing:.3g}" for spacing in image.grid.spacing_mm),
        "axes by the header": image.sampling.orientation,
        "stored as": image.pixel_type,
        "channels": str(image.n_channels),
    }
    if label_map is not None:
        rows |= {name: f"{volume:.4g} {label_map.unit}" for name, volume in label_map.volume_ml.items()}
    show_table(rows)


def _show_histogram(image: ImageFacts) -> None:
    if image.intensity and image.histogram.high > image.histogram.low:
        inside = image.foreground_histogram
        curve = IntensityCurve(
            image.histogram.low, image.histogram.high, image.histogram.counts, inside.counts if inside else None
        )
        st.image(figure_png(intensity_figure({"intensities": [curve]})), width="stretch")


def _show_slices(facts: CaseFacts, name: str, structures: Mapping[str, int]) -> None:
    image, label_map = facts.images[name], facts.label_maps.get(name)
    dims = image.grid.spatial_dims
    values: NDArray[Any] = to_array(read_channels(image.path, spatial_dims=dims, colour="grey")[0])
    labels = None
    if label_map is not None and label_map.grid.size_voxels == image.grid.size_voxels:
        labels = to_array(read_label_map(label_map.path, spatial_dims=dims))
        structures = structures or {name: int(name) for name in label_map.voxels}
    centre = list(middle_voxel(values.shape) if labels is None else mask_centre(labels))
    left, middle, right = st.columns(3)
    axis = dims - 1
    if dims == 3:
        chosen = left.segmented_control("Axis", list(AXIS_NAMES), default=AXIS_NAMES[-1], required=True)
        axis = AXIS_NAMES.index(chosen)
        last = values.shape[axis] - 1
        centre[axis] = middle.slider("Slice", 0, last, centre[axis], key=f"slice {image.path} {axis}") if last else 0
    opacity = right.slider("Opacity of the structures", 0.0, 1.0, 0.35, 0.05)

    def cut(array: NDArray[Any]) -> Plane:
        grid, orientation = image.grid, image.sampling.orientation or None
        return plane_across(array, axis, centre[axis], spacing_mm=grid.spacing_mm, orientation=orientation)

    plane = cut(values)
    pixels = blended_plane(
        plane,
        None if labels is None else cut(labels).values,
        window=display_window(values),
        structures=structures,
        opacity=opacity,
    )
    st.image(pixels, width=PICTURE_WIDTH, caption=": ".join(filter(None, (plane.name, ", ".join(structures)))))
