"""Preprocessing every case of a part of the index into the store, once."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.data.case import Case
from medweave.data.study import StudySource, blame
from medweave.preprocessing.cache import ArrayStore
from medweave.preprocessing.geometry import Grid
from medweave.preprocessing.pipeline import Preprocessed

#: The class of a case, or 0 or 1 for each class.
Target = int | tuple[float, ...]
#: Voxels remembered for each structure, as centres of foreground patches.
FOREGROUND_VOXELS = 2000


@dataclass(frozen=True)
class PreparedCase:
    """A case whose arrays lie in the store; they are opened, memory-mapped, where they are used.

    Attributes:
        case_id: Of the case.
        store_root: Folder of the store.
        key: Of the case's arrays.
        targets: Of each classification head that the case has the truth of: the index of its class, or (multi-label) 0
            or 1 for each class.
    """

    case_id: str
    store_root: Path
    key: str
    targets: Mapping[str, Target] = field(default_factory=dict)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays.

        `image.INPUT` (C, *spatial) float32; `grids.INPUT` (2, n), its grid and its native grid as vectors;
        `labels.HEAD` (*spatial) uint8, 0 background and k the k-th structure; `foreground.HEAD` (n,
        1 + axes) int32, rows of class and voxel. Absent inputs and label maps have no entry.

        Raises:
            RunError: The arrays were removed from the store since the case was prepared.
        """
        arrays = ArrayStore(self.store_root).load(self.key)
        if arrays is None:
            raise RunError(
                "preprocessed arrays were removed while in use",
                where=f"case {self.case_id}, {self.store_root}",
                fix="start again; what is missing is computed anew.",
            )
        return arrays

    def inputs(self) -> dict[str, Preprocessed]:
        """Return the preprocessed inputs, memory-mapped."""
        arrays = self.arrays()
        return {
            name.removeprefix("image."): Preprocessed(
                image, *(Grid.from_vector(vector) for vector in arrays[name.replace("image.", "grids.", 1)])
            )
            for name, image in arrays.items()
            if name.startswith("image.")
        }


@dataclass(frozen=True)
class Preparation:
    """The prepared cases, and how many of them had to be computed."""

    cases: tuple[PreparedCase, ...]
    computed: int


def prepare(
    cases: Sequence[Case],
    source: StudySource,
    *,
    store: ArrayStore,
    workers: int,
    on_case: Callable[[], None] = lambda: None,
) -> Preparation:
    """Make sure that the store holds the arrays of every case.

    Args:
        cases: The cases.
        source: What to read of them.
        store: Where the arrays go.
        workers: Threads; each holds one case in memory.
        on_case: Called after each case.

    Raises:
        DataError: A case cannot be read; the message names it.
    """

    def work(case: Case) -> tuple[PreparedCase, bool]:
        with blame(case, None):
            key = store.key(_description(case, source), _files(case, source))
        is_new = store.load(key) is None
        if is_new:
            store.save(key, _compute(case, source))
        on_case()
        encoded = {name: target.encode(case) for name, target in source.targets.items()}
        targets = {name: value for name, value in encoded.items() if value is not None}
        return PreparedCase(case.case_id, store.root, key, targets), is_new

    with ThreadPoolExecutor(max_workers=max(workers, 1)) as pool:
        results = list(pool.map(work, cases))
    return Preparation(tuple(prepared for prepared, _ in results), sum(is_new for _, is_new in results))


def _files(case: Case, source: StudySource) -> list[Path]:
    images = [
        case.images[name] for entry in source.inputs.values() for name in entry.image_names if name in case.images
    ]
    label_maps = [
        case.label_maps[head.image_name] for head in source.heads.values() if head.image_name in case.label_maps
    ]
    return images + label_maps


def _description(case: Case, source: StudySource) -> dict[str, Any]:
    # Lists, because order counts: of the structures, whose places become labels, and of the files that `_files` names.
    return {
        "inputs": [
            [name, entry.preprocessor.to_json(), entry.colour, [image in case.images for image in entry.image_names]]
            for name, entry in source.inputs.items()
        ],
        "heads": [
            [
                name,
                head.input_name,
                list(head.structures.items()),
                sorted(head.merged_values.items()),
                head.image_name in case.label_maps,
            ]
            for name, head in source.heads.items()
        ],
    }


def _compute(case: Case, source: StudySource) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {}
    grids = {}
    for name in source.inputs:
        if source.has_input(case, name):
            preprocessed = source.read_input(case, name)
            arrays[f"image.{name}"] = preprocessed.image
            arrays[f"grids.{name}"] = np.stack([preprocessed.grid.to_vector(), preprocessed.native_grid.to_vector()])
            grids[name] = preprocessed.grid
    for name, head in source.heads.items():
        label_map = source.read_label_map(case, name)
        if label_map is None or head.input_name not in grids:
            continue
        preprocessor = source.inputs[head.input_name].preprocessor
        values = preprocessor.preprocess_label_map(label_map, grids[head.input_name])
        classes = np.zeros(256, np.uint8)
        classes[list(head.structures.values())] = np.arange(1, len(head.structures) + 1)
        arrays[f"labels.{name}"] = classes[values]
        arrays[f"foreground.{name}"] = _foreground(arrays[f"labels.{name}"], count=len(head.structures))
    return arrays


def _foreground(labels: NDArray[np.uint8], *, count: int) -> NDArray[np.int32]:
    """Return up to FOREGROUND_VOXELS evenly chosen voxels of each class, as rows (class, index…)."""
    rows = []
    for value in range(1, count + 1):
        voxels = np.argwhere(labels == value)
        chosen = voxels[np.linspace(0, len(voxels) - 1, min(len(voxels), FOREGROUND_VOXELS)).astype(int)]
        rows.append(np.column_stack([np.full(len(chosen), value), chosen]))
    return np.concatenate(rows).astype(np.int32)
