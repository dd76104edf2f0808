"""Triangle meshes of masks by surface nets, in millimetres of patient space."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from medweave.preprocessing.geometry import Grid

RELAXATIONS = 20
#: Taubin's pair: each step of smoothing is followed by one that takes back the shrinking.
SMOOTHING, INFLATION = 0.5, 0.53
#: How far a vertex may leave the middle of its cell, in voxels; at 0.5 a wire of one voxel would shrink to a line.
REACH = 0.4


@dataclass(frozen=True)
class SurfaceMesh:
    """A closed surface.

    Attributes:
        vertices_mm: (vertices, 3), LPS.
        triangles: (triangles, 3), vertex numbers, anticlockwise seen from outside.
    """

    vertices_mm: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def area_mm2(self) -> float:
        """Area of the surface."""
        return float(np.linalg.norm(self._normals(), axis=1).sum() / 2)

    @property
    def volume_mm3(self) -> float:
        """Volume inside the surface, by the divergence theorem."""
        centres = self.vertices_mm[self.triangles].mean(axis=1)
        return float((centres * self._normals()).sum() / 6)

    def _normals(self) -> NDArray[np.float64]:
        """Return the outward normal of each triangle, as long as twice its area."""
        corners = self.vertices_mm[self.triangles]
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def surface_mesh(mask: NDArray[np.bool_], grid: Grid, *, max_triangles: int = 30_000) -> SurfaceMesh:
    """Return the surface of a 3D mask by surface nets (Gibson 1998, MICCAI, LNCS 1496:888).

    Every cell of eight voxels that the surface passes through holds one vertex, which moves towards its neighbours and
    never leaves the cell: the stairs are smoothed, and thin parts neither shrink nor vanish.

    Args:
        mask: Not empty.
        grid: The grid of the mask.
        max_triangles: A finer mesh is coarsened by vertex clustering (Rossignac and Borrel 1993).
    """
    (box,) = ndimage.find_objects(mask.astype(np.uint8))
    vertices, quads = _relaxed_net(np.pad(mask[box], 1))
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    direction = np.asarray(grid.direction).reshape(3, 3)
    if np.linalg.det(direction) < 0:
        triangles = triangles[:, ::-1]
    start = np.array([part.start for part in box]) - 1
    vertices_mm = np.asarray(grid.origin_mm) + (vertices + start) * np.asarray(grid.spacing_mm) @ direction.T
    mesh = SurfaceMesh(vertices_mm, triangles)
    size_mm = min(grid.spacing_mm) * (len(triangles) / max_triangles) ** 0.5
    while len(mesh.triangles) > max_triangles:
        mesh = _clustered(SurfaceMesh(vertices_mm, triangles), size_mm)
        size_mm *= 1.2
    return mesh


def _relaxed_net(padded: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return vertices in voxels and quads of a mask whose border is empty."""
    quads, edge_middles = _crossing_quads(padded)
    cells, quads = np.unique(quads, return_inverse=True)
    quads = quads.reshape(-1, 4)
    corner, edge = quads.ravel(), np.repeat(np.arange(len(quads)), 4)
    sums = sparse.csr_array((np.ones(len(corner)), (corner, edge)), shape=(len(cells), len(quads))) @ edge_middles
    vertices = np.asarray(sums) / np.bincount(corner)[:, None]

    start, end = quads.ravel(), np.roll(quads, 1, axis=1).ravel()
    links = sparse.csr_array((np.ones(len(start)), (start, end)), shape=(len(cells), len(cells)))
    links = links + links.T
    average = sparse.diags_array(1 / np.bincount(np.concatenate([start, end]))) @ links
    middles = np.stack(np.unravel_index(cells, padded.shape), axis=1) + 0.5
    for _ in range(RELAXATIONS):
        for factor in (SMOOTHING, -INFLATION):
            vertices = np.clip(vertices + factor * (average @ vertices - vertices), middles - REACH, middles + REACH)
    return vertices, quads


def _crossing_quads(padded: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the four cells around each voxel edge that crosses the surface, and the middle of that edge.

    A cell is named by the flat index of its first voxel. Quads run anticlockwise seen from outside.
    """
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    quads, middles = [], []
    for axis in range(3):
        second, third = strides[(axis + 1) % 3], strides[(axis + 2) % 3]
        around = np.array([0, -second, -second - third, -third])  # anticlockwise seen from the end of the axis
        steps = np.diff(padded.astype(np.int8), axis=axis)
        for step in (-1, 1):
            voxels = np.argwhere(steps == step)
            quads.append((voxels @ strides)[:, None] + (around if step < 0 else around[::-1]))
            middles.append(voxels + 0.5 * (np.arange(3) == axis))
    return np.concatenate(quads), np.concatenate(middles)


def _clustered(mesh: SurfaceMesh, size_mm: float) -> SurfaceMesh:
    """Merge the vertices in each cube of `size_mm`; triangles that collapse go."""
    cubes = np.floor((mesh.vertices_mm - mesh.vertices_mm.min(axis=0)) / size_mm).astype(np.int64)
    _, cluster = np.unique(cubes, axis=0, return_inverse=True)
    counts = np.bincount(cluster)
    vertices_mm = np.stack([np.bincount(cluster, weights=values) / counts for values in mesh.vertices_mm.T], axis=1)
    triangles = cluster[mesh.triangles]
    first, second, third = triangles.T
    return SurfaceMesh(vertices_mm, triangles[(first != second) & (second != third) & (third != first)])
