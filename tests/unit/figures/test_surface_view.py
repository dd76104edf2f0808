import base64
import json
import re

import numpy as np

from medweave.figures.surface_view import surface_view
from medweave.preprocessing.geometry import Grid

GRID = Grid((20, 20, 20), (1.0, 1.0, 2.0), (-10.0, 5.0, 3.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
STRUCTURES = {"left": 1, "right": 2}


def _label_map():
    array = np.zeros(GRID.size_voxels, dtype=np.uint8)
    array[3:9, 4:12, 5:15] = 1
    array[12:17, 4:12, 5:15] = 2
    return array


def _data(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.DOTALL).group(1))


def test_the_fragment_holds_every_surface_with_decodable_vertices_and_triangles():
    data = _data(surface_view(_label_map(), _label_map(), structures=STRUCTURES, grid=GRID, title="c1"))
    assert [(surface["source"], surface["structure"]) for surface in data["surfaces"]] == [
        ("truth", "left"),
        ("truth", "right"),
        ("prediction", "left"),
        ("prediction", "right"),
    ]
    steps = np.frombuffer(base64.b64decode(data["surfaces"][0]["vertices"]), dtype="<u2").reshape(-1, 3)
    low, high = np.array(data["low_mm"]), np.array(data["high_mm"])
    vertices_mm = low + steps / 65535 * (high - low)
    assert np.allclose(vertices_mm.mean(axis=0), [-10 + 5.5, 5 + 7.5, 3 + 2 * 9.5], atol=0.1)
    triangles = np.frombuffer(base64.b64decode(data["surfaces"][0]["triangles"]), dtype="<u2")
    assert triangles.max() == len(steps) - 1


def test_a_missed_structure_has_a_truth_surface_only():
    predicted = _label_map()
    predicted[predicted == 2] = 0
    data = _data(surface_view(predicted, _label_map(), structures=STRUCTURES, grid=GRID, title="c1"))
    assert len(data["surfaces"]) == 3


def test_many_structures_share_the_triangles():
    side, step = 72, 9
    grid = Grid((side,) * 3, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    array = np.zeros(grid.size_voxels, dtype=np.uint8)
    corners = [(x, y, z) for x in range(0, side, step) for y in range(0, side, step) for z in (0, 36)]
    for value, (x, y, z) in enumerate(corners, start=1):
        array[x : x + 8, y : y + 8, z : z + 30] = value
    structures = {f"s{value}": value for value in range(1, len(corners) + 1)}
    data = _data(surface_view(array, array, structures=structures, grid=grid, title="c1"))
    triangles = [len(base64.b64decode(surface["triangles"])) // 6 for surface in data["surfaces"]]
    assert len(triangles) == 2 * len(corners) == 256
    assert max(triangles) <= 200_000 // 256
    assert min(triangles) > 100


def test_empty_label_maps_have_no_view():
    empty = np.zeros(GRID.size_voxels, dtype=np.uint8)
    assert surface_view(empty, empty, structures=STRUCTURES, grid=GRID, title="c1") == ""


def test_nothing_is_loaded_from_elsewhere_and_names_are_escaped():
    html = surface_view(_label_map(), _label_map(), structures={"<b>": 1}, grid=GRID, title="a & b")
    assert "http" not in html
    assert "<b>" not in html
    assert "a &amp; b" in html
