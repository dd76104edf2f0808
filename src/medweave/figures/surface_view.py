"""The surfaces of truth and prediction, to be turned in the browser; nothing is loaded from elsewhere."""

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from medweave.figures.comparison import PREDICTION_COLOUR, TRUTH_COLOUR
from medweave.figures.page import render_page
from medweave.figures.surface_mesh import SurfaceMesh, surface_mesh
from medweave.preprocessing.geometry import Grid

SOURCES = (
    {"name": "truth", "colour": TRUTH_COLOUR, "opacity_percent": 100},
    {"name": "prediction", "colour": PREDICTION_COLOUR, "opacity_percent": 45},
)
#: Of one surface, and of all surfaces together.
MAX_TRIANGLES, MAX_TRIANGLES_OF_ALL = 20_000, 200_000


def surface_view(
    predicted: NDArray[np.uint8],
    truth: NDArray[np.uint8],
    *,
    structures: Mapping[str, int],
    grid: Grid,
    title: str,
) -> str:
    """Return an HTML fragment that shows two 3D label maps as surfaces; "" where both are empty.

    The page that holds it must include surface_view.css and, after all fragments, surface_view.js.

    Args:
        predicted: Label map (x, y, z).
        truth: Label map of the same shape.
        structures: Label value of each structure.
        grid: The grid of both.
        title: What is shown, for readers who cannot see it.
    """
    max_triangles = min(MAX_TRIANGLES, MAX_TRIANGLES_OF_ALL // (len(SOURCES) * len(structures)))
    meshes = {
        (source, structure): surface_mesh(label_map == value, grid, max_triangles=max_triangles)
        for source, label_map in (("truth", truth), ("prediction", predicted))
        for structure, value in structures.items()
        if (label_map == value).any()
    }
    if not meshes:
        return ""
    return render_page(
        "surface_view.html.j2",
        title=title,
        sources=SOURCES,
        structures=list(structures),
        data=_packed(meshes, structures),
    )


def _packed(meshes: Mapping[tuple[str, str], SurfaceMesh], structures: Mapping[str, int]) -> dict[str, Any]:
    """Return meshes as JSON values: vertices in 65,535 steps of their common box."""
    every = np.concatenate([mesh.vertices_mm for mesh in meshes.values()])
    low, high = every.min(axis=0), every.max(axis=0)
    colours = {str(source["name"]): str(source["colour"]) for source in SOURCES}
    shades = {name: 1 - 0.45 * rank / max(len(structures) - 1, 1) for rank, name in enumerate(structures)}
    return {
        "low_mm": low.tolist(),
        "high_mm": high.tolist(),
        "surfaces": [
            {
                "source": source,
                "structure": structure,
                "rgb": [round(part * shades[structure], 3) for part in to_rgb(colours[source])],
                "vertices": _base64(np.rint((mesh.vertices_mm - low) / (high - low) * 65535)),
                "triangles": _base64(mesh.triangles),
            }
            for (source, structure), mesh in meshes.items()
        ],
    }


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(values.astype("<u2").tobytes()).decode("ascii")
