"""A volume and its structures in NiiVue: three planes and a render."""

import gzip
from collections.abc import Mapping

import numpy as np
import streamlit as st
from niivue_component import niivue_viewer

from medweave.inference.writers.nifti import NIFTI_HEADER_BYTES
from medweave.serving.app.predicting import ShownSegmentation

VIEWS = {
    "Planes and 3D": "multiplanar",
    "3D": "3d",
    "Axial": "axial",
    "Coronal": "coronal",
    "Sagittal": "sagittal",
}
#: NiiVue's colour maps by position of the structure, each with the name of its colour in Streamlit's Markdown.
COLOURS = (("red", "red"), ("green", "green"), ("blue", "blue"), ("warm", "yellow"), ("violet", "violet"))
#: Larger files do not reach the browser in a reasonable time.
MAX_BYTES = 100 * 10**6
HEIGHT = 620


def show_volume(shown: ShownSegmentation, *, key: str) -> None:
    """Show a volume with its predicted structures.

    Args:
        shown: The prediction.
        key: Of the widgets, different for each prediction.
    """
    if len(shown.nifti) > MAX_BYTES:
        st.info("The volume is too large for the viewer; download the mask.")
        st.image(shown.overlay)
        return
    left, right = st.columns([3, 2])
    view = left.segmented_control("View", list(VIEWS), default=next(iter(VIEWS)), required=True, key=f"{key} view")
    opacity = right.slider("Opacity of the structures", 0.0, 1.0, 0.5, 0.05, key=f"{key} opacity")
    left.markdown(_legend(shown.info.structures))
    has_crosshair = right.toggle("Crosshair", value=True, key=f"{key} crosshair")  # a voxel wide: it may hide too much
    niivue_viewer(
        nifti_data=shown.nifti,
        filename="image.nii.gz",
        overlays=[
            {
                "data": _mask(shown.mask, value),
                "name": f"{name}.nii.gz",
                "colormap": COLOURS[position % len(COLOURS)][0],
                "opacity": opacity,
            }
            for position, (name, value) in enumerate(shown.info.structures.items())
        ],
        view_mode=VIEWS[view],
        height=HEIGHT,
        styled=False,
        settings={"radiological": True, "crosshair": has_crosshair, "interpolation": True},
        update_interval_ms=None,
        key=f"{key} viewer",
    )


def _legend(structures: Mapping[str, int]) -> str:
    return " ".join(
        f":{COLOURS[position % len(COLOURS)][1]}-badge[{name.replace('_', ' ')}]"
        for position, name in enumerate(structures)
    )


def _mask(label_map: bytes, value: int) -> bytes:
    """Return one structure of a label map as compressed NIfTI."""
    content = gzip.decompress(label_map)
    voxels = np.frombuffer(content, np.uint8, offset=NIFTI_HEADER_BYTES) == value
    return gzip.compress(content[:NIFTI_HEADER_BYTES] + voxels.astype(np.uint8).tobytes(), compresslevel=1)
