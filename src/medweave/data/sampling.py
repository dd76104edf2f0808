"""How densely and in which axis order an image is sampled."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from medweave.core.errors import UsageError
from medweave.preprocessing.geometry import Grid

AXIS_LETTERS = ("LR", "AP", "SI")

ValueT = TypeVar("ValueT", int, float)


@dataclass(frozen=True)
class Sampling:
    """Size and spacing of an image along its axes, with the axes' order.

    Attributes:
        size_voxels: Voxels along each axis.
        spacing_mm: Distance of voxel centres along each axis.
        orientation: The three letters that the axes run towards, by the header ("LPS"); "" in 2D.
    """

    size_voxels: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    orientation: str

    @classmethod
    def of(cls, grid: Grid) -> "Sampling":
        """Return the sampling of a grid."""
        return cls(grid.size_voxels, grid.spacing_mm, grid.orientation)

    @property
    def size_mm(self) -> tuple[float, ...]:
        """Extent along each axis, from outer edge to outer edge."""
        return tuple(count * spacing for count, spacing in zip(self.size_voxels, self.spacing_mm, strict=True))

    def size_voxels_at(self, spacing_mm: Sequence[float] | None) -> tuple[int, ...]:
        """Return the number of voxels along each axis at another spacing; None keeps the own one."""
        if spacing_mm is None:
            return self.size_voxels
        return tuple(max(round(size / spacing), 1) for size, spacing in zip(self.size_mm, spacing_mm, strict=True))

    def towards(self, orientation: str | None) -> "Sampling":
        """Return the sampling after the image is reoriented; 2D images and None keep their axes.

        Args:
            orientation: Three letters, one of each pair L/R, A/P, S/I.

        Raises:
            UsageError: The letters are no orientation.
        """
        if orientation is None or not self.orientation:
            return self
        kinds = [_axis_kind(letter) for letter in self.orientation]
        order = [kinds.index(_axis_kind(letter)) for letter in orientation]
        if sorted(order) != [0, 1, 2]:
            raise UsageError("not an orientation", got=orientation, wanted="one letter each of L/R, A/P and S/I: LPS")
        return Sampling(_permuted(self.size_voxels, order), _permuted(self.spacing_mm, order), orientation)

    def to_json(self) -> dict[str, Any]:
        """Return the sampling as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Sampling":
        """Build the sampling that `to_json` described."""
        return cls(tuple(content["size_voxels"]), tuple(content["spacing_mm"]), content["orientation"])


def _axis_kind(letter: str) -> int:
    for kind, letters in enumerate(AXIS_LETTERS):
        if letter in letters:
            return kind
    raise UsageError("not an orientation letter", got=letter, wanted="one of L R A P S I")


def _permuted(values: Sequence[ValueT], order: Sequence[int]) -> tuple[ValueT, ...]:
    return tuple(values[axis] for axis in order)
