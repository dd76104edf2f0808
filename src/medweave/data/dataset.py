"""Training samples: patches of prepared cases, augmented, collated into batches."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from medweave.data.preparation import PreparedCase, Target

#: Transforms the image and label maps of one input, given a seed.
Augment = Callable[..., dict[str, Tensor]]


class Batch(TypedDict):
    """What a training step sees.

    Keys:
        images: (B, C, *spatial) float32 of each input; zeros where not present.
        label_maps: (B, *spatial) int64 of each segmentation head; zeros where not present.
        targets: Of each classification head, (B,) int64, or (B, classes) float32 with several labels a case; zeros
            where not present.
        present: (B,) bool of each input and head.
        case_ids: B names.
    """

    images: dict[str, Tensor]
    label_maps: dict[str, Tensor]
    targets: dict[str, Tensor]
    present: dict[str, Tensor]
    case_ids: list[str]


@dataclass(frozen=True)
class InputLayout:
    """What a sample holds of an input.

    Attributes:
        channels: Of the image.
        heads: Segmentation heads that are drawn on this input.
        patch_size_voxels: Size of a sample.
        augment: Random transforms, or None.
    """

    channels: int
    heads: tuple[str, ...]
    patch_size_voxels: tuple[int, ...]
    augment: Augment | None


class TrainingDataset(Dataset[Batch]):
    """Samples (batches of one) of prepared cases.

    An item is asked for by `(position of the case, seed)`: everything random in it comes from the seed, so that it does
    not depend on which worker makes it, nor on what was made before.

    Args:
        cases: Prepared training cases.
        inputs: What a sample holds of each input.
        foreground: Share of the patches that are centred on a voxel of a structure.
        targets: Target of each classification head where a case has none.
    """

    def __init__(
        self,
        cases: Sequence[PreparedCase],
        *,
        inputs: Mapping[str, InputLayout],
        foreground: float,
        targets: Mapping[str, Target] | None = None,
    ) -> None:
        self.cases = list(cases)
        self.no_targets = dict(targets or {})
        self.inputs = dict(inputs)
        self.foreground = foreground

    def __len__(self) -> int:
        return len(self.cases)

    def __getitem__(self, item: tuple[int, int]) -> Batch:
        position, seed = item
        case = self.cases[position]
        arrays = case.arrays()
        rng = np.random.default_rng(seed)
        sample = Batch(images={}, label_maps={}, targets={}, present={}, case_ids=[case.case_id])
        for name, layout in self.inputs.items():
            self._add_input(sample, name, layout, arrays, rng)
        for head, nothing in self.no_targets.items():
            sample["targets"][head] = torch.tensor([case.targets.get(head, nothing)])
            sample["present"][head] = torch.tensor([head in case.targets])
        return sample

    def _add_input(
        self,
        sample: Batch,
        name: str,
        layout: InputLayout,
        arrays: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> None:
        image = arrays.get(f"image.{name}")
        size = layout.patch_size_voxels
        sample["present"][name] = torch.tensor([image is not None])
        tensors: dict[str, Tensor] = {}
        if image is None:
            sample["images"][name] = torch.zeros((1, layout.channels, *size))
        else:
            start = self._patch_start(image.shape[1:], layout, arrays, rng)
            tensors[name] = torch.from_numpy(_cut(image, start, size, repeat_border=True))
        for head in layout.heads:
            labels = arrays.get(f"labels.{head}")
            sample["present"][head] = torch.tensor([labels is not None and image is not None])
            if image is None:
                sample["label_maps"][head] = torch.zeros((1, *size), dtype=torch.int64)
            elif labels is None:
                tensors[head] = torch.zeros((1, *size))  # transforms expect every label map
            else:
                tensors[head] = torch.from_numpy(_cut(labels[None], start, size, repeat_border=False)).float()
        if layout.augment is not None and image is not None:
            tensors = layout.augment(tensors, seed=int(rng.integers(2**32)))
        for key, tensor in tensors.items():
            if key == name:
                sample["images"][name] = tensor[None]
            else:
                sample["label_maps"][key] = tensor.round().to(torch.int64)

    def _patch_start(
        self,
        shape: Sequence[int],
        layout: InputLayout,
        arrays: Mapping[str, NDArray[Any]],
        rng: np.random.Generator,
    ) -> list[int]:
        size = layout.patch_size_voxels
        voxels = [arrays[f"foreground.{head}"] for head in layout.heads if f"foreground.{head}" in arrays]
        rows = voxels[int(rng.integers(len(voxels)))] if voxels else np.empty((0, 1))
        if len(rows) and rng.random() < self.foreground:
            classes = np.unique(rows[:, 0])
            of_class = rows[rows[:, 0] == classes[rng.integers(len(classes))], 1:]
            centre = of_class[rng.integers(len(of_class))]
            wanted = [int(middle) - want // 2 for middle, want in zip(centre, size, strict=True)]
        else:
            wanted = [int(rng.integers(max(have - want, 0) + 1)) for have, want in zip(shape, size, strict=True)]
        # Stay inside where the patch fits; a smaller image lies in the middle of the patch.
        return [
            min(max(start, 0), have - want) if have >= want else (have - want) // 2
            for start, have, want in zip(wanted, shape, size, strict=True)
        ]


def _cut(array: NDArray[Any], start: Sequence[int], size: Sequence[int], *, repeat_border: bool) -> NDArray[Any]:
    """Cut (C, *size) out of (C, *spatial), padding what lies outside with the border or with zero."""
    stop = [first + count for first, count in zip(start, size, strict=True)]
    inside = tuple(
        slice(max(first, 0), min(last, have)) for first, last, have in zip(start, stop, array.shape[1:], strict=True)
    )
    margins = [(0, 0)] + [
        (max(-first, 0), max(last - have, 0)) for first, last, have in zip(start, stop, array.shape[1:], strict=True)
    ]
    cut = np.array(array[(slice(None), *inside)])
    return np.pad(cut, margins, mode="edge" if repeat_border else "constant") if np.any(margins) else cut


def collate(samples: Sequence[Batch]) -> Batch:
    """Join samples of one case each into a batch."""

    def join(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {key: torch.cat([table[key] for table in tables]) for key in tables[0]}

    return Batch(
        images=join([sample["images"] for sample in samples]),
        label_maps=join([sample["label_maps"] for sample in samples]),
        targets=join([sample["targets"] for sample in samples]),
        present=join([sample["present"] for sample in samples]),
        case_ids=[case_id for sample in samples for case_id in sample["case_ids"]],
    )


class SeededSampler(Sampler[tuple[int, int]]):
    """The order of an epoch and the seed of each sample, a function of (seed, epoch) alone.

    Args:
        cases: Number of cases.
        per_case: Samples of each case in an epoch.
        seed: Of the training.
        classes: Class of each case, None for a case without; draws every class equally often, its cases as evenly as
            they go, and a case without class as often as ever. By default every case is drawn equally often.
    """

    def __init__(
        self, cases: int, *, per_case: int, seed: int, classes: Sequence[Hashable | None] | None = None
    ) -> None:
        self.cases, self.per_case, self.seed = cases, per_case, seed
        self.positions: dict[Hashable | None, list[int]] = defaultdict(list)
        for position in range(cases):
            self.positions[classes[position] if classes else None].append(position)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this at the start of each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.cases * self.per_case

    def __iter__(self) -> Iterator[tuple[int, int]]:
        rng = np.random.default_rng([self.seed, self.epoch])
        order = self._order(rng)
        seeds = rng.integers(2**32, size=len(order))
        return iter([(int(position), int(seed)) for position, seed in zip(order, seeds, strict=True)])

    def _order(self, rng: np.random.Generator) -> NDArray[np.int64]:
        if set(self.positions) == {None}:
            return np.concatenate([rng.permutation(self.cases) for _ in range(self.per_case)])
        counts: dict[Hashable | None, int] = {None: self.per_case * len(self.positions.get(None, ()))}
        classes = [name for name in self.positions if name is not None]
        share, rest = divmod(len(self) - counts[None], len(classes))
        counts |= {classes[place]: share + (turn < rest) for turn, place in enumerate(rng.permutation(len(classes)))}
        drawn = [_draw_evenly(cases, counts[name], rng) for name, cases in self.positions.items()]
        return rng.permutation(np.concatenate(drawn))


def _draw_evenly(cases: Sequence[int], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw each case as often as the others, or once more."""
    rounds = -(-count // len(cases))
    return np.concatenate([np.empty(0, np.int64), *(rng.permutation(cases) for _ in range(rounds))])[:count]
