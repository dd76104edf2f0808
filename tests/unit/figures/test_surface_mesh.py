from collections import Counter

import numpy as np
import pytest

from medweave.figures.surface_mesh import surface_mesh
from medweave.preprocessing.geometry import Grid

AXES = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def _sphere(spacing_mm, radius_mm, direction=AXES):
    """A ball in the middle of a grid whose first voxel lies at (5, -7, 11) mm."""
    size = tuple(int(2 * radius_mm / spacing) + 8 for spacing in spacing_mm)
    offsets = [(np.arange(n) - (n - 1) / 2) * spacing for n, spacing in zip(size, spacing_mm, strict=True)]
    squares = sum(np.square(axis) for axis in np.meshgrid(*offsets, indexing="ij"))
    return squares <= radius_mm**2, Grid(size, spacing_mm, (5.0, -7.0, 11.0), direction)


def _edges(mesh):
    """How many triangles share each edge, and whether each direction of an edge occurs once."""
    ends = np.stack([mesh.triangles, np.roll(mesh.triangles, -1, axis=1)], axis=-1).reshape(-1, 2)
    directed = Counter(map(tuple, ends.tolist()))
    return Counter(tuple(sorted(edge)) for edge in directed.elements()), max(directed.values())


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (0.8, 1.2, 2.5), (1.25, 1.25, 1.37)])
def test_a_sphere_has_its_area_and_volume(spacing_mm):
    mesh = surface_mesh(*_sphere(spacing_mm, 20.0))
    assert mesh.area_mm2 == pytest.approx(4 * np.pi * 20**2, rel=0.03)
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.03)


def test_every_edge_is_shared_by_two_triangles_that_turn_the_same_way():
    shared, most_in_one_direction = _edges(surface_mesh(*_sphere((1.0, 1.0, 2.0), 9.0)))
    assert set(shared.values()) == {2}
    assert most_in_one_direction == 1


def test_a_mask_that_fills_the_grid_is_closed_too():
    mask = np.ones((4, 5, 6), dtype=bool)
    mesh = surface_mesh(mask, Grid(mask.shape, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), AXES))
    assert set(_edges(mesh)[0].values()) == {2}
    assert mesh.volume_mm3 == pytest.approx(mask.size * 8, rel=0.25)  # its corners are rounded


def test_vertices_lie_in_patient_space_with_normals_outwards():
    direction = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0)  # left-handed, axes permuted
    mask, grid = _sphere((1.0, 1.5, 2.0), 12.0, direction)
    middle = (np.array(grid.size_voxels) - 1) / 2 * grid.spacing_mm
    centre_mm = np.array(grid.origin_mm) + np.reshape(direction, (3, 3)) @ middle
    mesh = surface_mesh(mask, grid)
    np.testing.assert_allclose(mesh.vertices_mm.mean(axis=0), centre_mm, atol=0.2)
    np.testing.assert_allclose(np.linalg.norm(mesh.vertices_mm - centre_mm, axis=1), 12.0, atol=1.5)
    assert mesh.volume_mm3 > 0


def test_a_thin_wire_does_not_vanish():
    mask = np.zeros((20, 9, 9), dtype=bool)
    mask[2:18, 4, 4] = True
    mesh = surface_mesh(mask, Grid(mask.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXES))
    assert np.ptp(mesh.vertices_mm[:, 0]) > 14
    assert mesh.volume_mm3 > 0.5


def test_a_coarsened_mesh_keeps_to_the_limit_and_the_shape():
    mask, grid = _sphere((1.0, 1.0, 1.0), 20.0)
    mesh = surface_mesh(mask, grid, max_triangles=2000)
    assert len(mesh.triangles) <= 2000
    assert mesh.area_mm2 == pytest.approx(4 * np.pi * 20**2, rel=0.03)
    assert mesh.volume_mm3 == pytest.approx(4 / 3 * np.pi * 20**3, rel=0.03)
    assert all(count % 2 == 0 for count in _edges(mesh)[0].values())


def test_volume_equals_scikit_images_marching_cubes_on_a_blob():
    from scipy import ndimage
    from skimage import measure

    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal((40, 40, 30)), 5)
    mask = np.pad(noise > 0.5 * noise.std(), 2)
    spacing_mm = (1.0, 1.3, 2.0)
    vertices, faces, *_ = measure.marching_cubes(mask.astype(float), 0.5, spacing=spacing_mm)
    corners = vertices[faces]
    volume = abs(np.einsum("ij,ij->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6)
    mesh = surface_mesh(mask, Grid(mask.shape, spacing_mm, (0.0, 0.0, 0.0), AXES))
    assert mesh.volume_mm3 == pytest.approx(volume, rel=0.03)
