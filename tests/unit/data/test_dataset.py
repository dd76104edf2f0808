from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from medweave.augmentation.augmentation import AugmentationPipeline, SampleKeys
from medweave.augmentation.intensity import noise
from medweave.augmentation.spatial import affine, flip
from medweave.data.dataset import InputLayout, SeededSampler, TrainingDataset, collate
from medweave.data.preparation import PreparedCase
from medweave.preprocessing.cache import ArrayStore

PATCH = (8, 8, 8)


def store_case(root: Path, name: str, *, size: tuple[int, ...] = (20, 18, 16), labelled: bool = True) -> PreparedCase:
    """Store a case whose single structure is one voxel near a corner, and whose image numbers its voxels."""
    arrays = {"image.mri": np.arange(np.prod(size), dtype=np.float32).reshape(1, *size)}
    if labelled:
        labels = np.zeros(size, np.uint8)
        labels[1, 2, 3] = 1
        arrays |= {"labels.heart": labels, "foreground.heart": np.array([[1, 1, 2, 3]], np.int32)}
    ArrayStore(root).save(name, arrays)
    return PreparedCase(name, root, name)


def layout(**changes) -> dict[str, InputLayout]:
    settings = {"channels": 1, "heads": ("heart",), "patch_size_voxels": PATCH, "augment": None}
    return {"mri": InputLayout(**(settings | changes))}


def augment() -> AugmentationPipeline:
    keys = SampleKeys(images=("mri",), label_maps=("heart",), spatial_dims=3)
    return AugmentationPipeline([flip(keys), affine(keys, probability=1.0), noise(keys, probability=1.0)])


def flattened(batch) -> dict[str, Tensor]:
    return {
        f"{kind}.{key}": value
        for kind in ("images", "label_maps", "targets", "present")
        for key, value in batch[kind].items()
    }


def assert_equal(first, second) -> None:
    one, other = flattened(first), flattened(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert first["case_ids"] == second["case_ids"]


def test_one_seed_gives_one_sample_whatever_the_worker(tmp_path) -> None:
    cases = [store_case(tmp_path, name) for name in ("a1", "b2", "c3")]
    dataset = TrainingDataset(cases, inputs=layout(augment=augment()), foreground=0.5)
    sampler = SeededSampler(3, per_case=2, seed=7)
    batches = [
        list(DataLoader(dataset, batch_size=2, sampler=sampler, collate_fn=collate, num_workers=workers))
        for workers in (0, 2)
    ]
    assert [len(found) for found in batches] == [3, 3]
    for first, second in zip(*batches, strict=True):
        assert_equal(first, second)


def test_sample_does_not_depend_on_what_was_made_before(tmp_path) -> None:
    cases = [store_case(tmp_path, name) for name in ("a1", "b2")]
    dataset = TrainingDataset(cases, inputs=layout(augment=augment()), foreground=0.5)
    before = dataset[1, 11]
    _ = dataset[0, 3], torch.rand(3), np.random.default_rng().random()
    assert_equal(dataset[1, 11], before)
    assert not torch.equal(dataset[1, 12]["images"]["mri"], before["images"]["mri"])


def test_foreground_patches_contain_the_structure(tmp_path) -> None:
    dataset = TrainingDataset([store_case(tmp_path, "a1")], inputs=layout(), foreground=1.0)
    assert len(dataset) == 1
    for seed in range(30):
        assert dataset[0, seed]["label_maps"]["heart"].sum() == 1


def test_each_class_is_the_centre_equally_often(tmp_path) -> None:
    labels = np.ones((40, 40, 40), np.uint8)
    labels[35, 35, 35] = 2
    rows = np.array([[1, x, 5, 5] for x in range(4, 25)] + [[2, 35, 35, 35]], np.int32)
    image = np.zeros((1, 40, 40, 40), np.float32)
    ArrayStore(tmp_path).save("a1", {"image.mri": image, "labels.heart": labels, "foreground.heart": rows})
    dataset = TrainingDataset([PreparedCase("a1", tmp_path, "a1")], inputs=layout(), foreground=1.0)
    with_rare = [bool((dataset[0, seed]["label_maps"]["heart"] == 2).any()) for seed in range(200)]
    assert np.mean(with_rare) == pytest.approx(0.5, abs=0.12)


def test_random_patches_reach_every_part_of_the_image(tmp_path) -> None:
    dataset = TrainingDataset([store_case(tmp_path, "a1")], inputs=layout(), foreground=0.0)
    first = torch.stack([dataset[0, seed]["images"]["mri"][0, 0, 0, 0, 0] for seed in range(300)]).long()
    starts = np.stack(np.unravel_index(first.numpy(), (20, 18, 16)))
    np.testing.assert_array_equal(starts.min(axis=1), 0)
    np.testing.assert_array_equal(starts.max(axis=1), (12, 10, 8))


def test_image_and_labels_are_cut_at_the_same_place(tmp_path) -> None:
    case = store_case(tmp_path, "a1")
    dataset = TrainingDataset([case], inputs=layout(), foreground=1.0)
    sample = dataset[0, 5]
    number = case.arrays()["image.mri"][0, 1, 2, 3]
    at_structure = sample["images"]["mri"][0, 0][sample["label_maps"]["heart"][0] == 1]
    assert at_structure.tolist() == [number]


def test_case_smaller_than_the_patch_lies_in_its_middle(tmp_path) -> None:
    case = store_case(tmp_path, "a1", size=(4, 5, 6))
    sample = TrainingDataset([case], inputs=layout(), foreground=0.5)[0, 0]
    margins = ((2, 2), (2, 1), (1, 1))
    arrays = case.arrays()
    np.testing.assert_array_equal(sample["images"]["mri"][0, 0], np.pad(arrays["image.mri"][0], margins, mode="edge"))
    np.testing.assert_array_equal(sample["label_maps"]["heart"][0], np.pad(arrays["labels.heart"], margins))


@pytest.mark.parametrize("transforms", [None, augment()])
def test_absent_label_map_is_not_present(tmp_path, transforms) -> None:
    case = store_case(tmp_path, "a1", labelled=False)
    sample = TrainingDataset([case], inputs=layout(augment=transforms), foreground=1.0)[0, 0]
    assert {name: flag.tolist() for name, flag in sample["present"].items()} == {"mri": [True], "heart": [False]}
    assert sample["label_maps"]["heart"].shape == (1, *PATCH)
    assert sample["label_maps"]["heart"].count_nonzero() == 0
    assert sample["images"]["mri"].count_nonzero() > 0


def test_absent_input_is_not_present_nor_are_its_heads(tmp_path) -> None:
    ArrayStore(tmp_path).save("a1", {})
    dataset = TrainingDataset(
        [PreparedCase("a1", tmp_path, "a1")], inputs=layout(channels=2, augment=augment()), foreground=1.0
    )
    sample = dataset[0, 0]
    assert {name: flag.tolist() for name, flag in sample["present"].items()} == {"mri": [False], "heart": [False]}
    assert sample["images"]["mri"].shape == (1, 2, *PATCH)
    assert sample["images"]["mri"].count_nonzero() == 0


def test_types_are_those_of_a_batch(tmp_path) -> None:
    cases = [store_case(tmp_path, "a1"), store_case(tmp_path, "b2", labelled=False)]
    dataset = TrainingDataset(cases, inputs=layout(augment=augment()), foreground=1.0)
    batch = collate([dataset[0, 1], dataset[1, 2]])
    assert batch["images"]["mri"].dtype == torch.float32
    assert batch["images"]["mri"].shape == (2, 1, *PATCH)
    assert batch["label_maps"]["heart"].dtype == torch.int64
    assert batch["label_maps"]["heart"].shape == (2, *PATCH)
    assert type(batch["images"]["mri"]) is Tensor
    assert batch["present"]["heart"].tolist() == [True, False]
    assert batch["case_ids"] == ["a1", "b2"]


def mixed_study(root: Path) -> TrainingDataset:
    """A mask and a class; a class alone; a mask alone; without the second input; with the second input alone."""
    image, flat = np.ones((1, *PATCH), np.float32), np.ones((1, 6, 6), np.float32)
    labels, rows = np.ones(PATCH, np.uint8), np.array([[1, 1, 1, 1]], np.int32)
    masked = {"labels.heart": labels, "foreground.heart": rows}
    stored: dict[str, tuple[dict, dict]] = {
        "all": ({"image.mri": image, "image.xray": flat, **masked}, {"side": 1, "signs": (1.0, 0.0)}),
        "no mask": ({"image.mri": image, "image.xray": flat}, {"side": 2, "signs": (0.0, 0.0)}),
        "no class": ({"image.mri": image, "image.xray": flat, **masked}, {}),
        "no xray": ({"image.mri": image, **masked}, {"side": 0}),
        "no mri": ({"image.xray": flat}, {"signs": (1.0, 1.0)}),
    }
    cases = []
    for name, (arrays, targets) in stored.items():
        ArrayStore(root).save(name, arrays)
        cases.append(PreparedCase(name, root, name, targets))
    inputs = layout() | {"xray": InputLayout(channels=1, heads=(), patch_size_voxels=(6, 6), augment=None)}
    return TrainingDataset(cases, inputs=inputs, foreground=0.0, targets={"side": 0, "signs": (0.0, 0.0)})


def test_a_mixed_batch_says_for_each_sample_what_is_present(tmp_path) -> None:
    dataset = mixed_study(tmp_path)
    batch = collate([dataset[position, 0] for position in range(5)])
    assert {name: flags.tolist() for name, flags in batch["present"].items()} == {
        "mri": [True, True, True, True, False],
        "xray": [True, True, True, False, True],
        "heart": [True, False, True, True, False],
        "side": [True, True, False, True, False],
        "signs": [True, True, False, False, True],
    }
    assert batch["targets"]["side"].tolist() == [1, 2, 0, 0, 0]
    assert batch["targets"]["side"].dtype == torch.int64
    assert batch["targets"]["signs"].tolist() == [[1, 0], [0, 0], [0, 0], [0, 0], [1, 1]]
    assert batch["targets"]["signs"].dtype == torch.float32
    assert batch["label_maps"]["heart"].flatten(1).amax(dim=1).tolist() == [1, 0, 1, 1, 0]
    assert batch["images"]["xray"].flatten(1).amax(dim=1).tolist() == [1, 1, 1, 0, 1]


def test_sampler_is_a_function_of_seed_and_epoch() -> None:
    def epoch(seed: int, number: int) -> list[tuple[int, int]]:
        sampler = SeededSampler(5, per_case=3, seed=seed)
        list(sampler)
        sampler.set_epoch(number)
        return list(sampler)

    assert epoch(1, 4) == epoch(1, 4)
    orders = [epoch(1, 4), epoch(1, 5), epoch(2, 4)]
    assert len({tuple(order) for order in orders}) == 3
    assert not set(orders[0]) & set(orders[1])
    assert len(SeededSampler(5, per_case=3, seed=1)) == len(orders[0]) == 15


def test_every_case_comes_equally_often_and_each_time_anew() -> None:
    items = list(SeededSampler(6, per_case=4, seed=0))
    assert np.bincount([position for position, _ in items]).tolist() == [4] * 6
    assert len({seed for _, seed in items}) == 24
    assert sorted(position for position, _ in items[:6]) == list(range(6))


def balanced(classes: list, *, per_case: int = 1, seed: int = 0, epochs: int = 1) -> list[Counter]:
    """Return how often each case is drawn in each epoch."""
    sampler = SeededSampler(len(classes), per_case=per_case, seed=seed, classes=classes)
    counts = []
    for epoch in range(epochs):
        sampler.set_epoch(epoch)
        counts.append(Counter(position for position, _ in sampler))
    return counts


def test_a_balanced_epoch_has_every_class_equally_often_and_cases_without_one_as_often_as_ever() -> None:
    classes = [0] * 12 + [1] * 3 + [2] * 3 + [None] * 4
    for counts in balanced(classes, per_case=2, epochs=5):
        of_class = Counter()
        for position, count in counts.items():
            of_class[classes[position]] += count
        assert of_class == {0: 12, 1: 12, 2: 12, None: 8}
        assert [counts[position] for position in range(18, 22)] == [2] * 4


def test_a_class_s_cases_are_drawn_as_evenly_as_they_go() -> None:
    for counts in balanced([0] * 17 + [1] * 3, epochs=10):
        assert [counts[position] for position in range(17)].count(1) == 10
        assert sorted(counts[position] for position in range(17, 20)) == [3, 3, 4]


def test_what_cannot_be_divided_goes_to_other_classes_in_other_epochs() -> None:
    classes = [0] * 5 + [1] * 3 + [2] * 3
    shares = [
        tuple(sum(counts[p] for p in range(11) if classes[p] == name) for name in range(3))
        for counts in balanced(classes, epochs=20)
    ]
    assert {tuple(sorted(share)) for share in shares} == {(3, 4, 4)}
    assert len(set(shares)) == 3


def test_a_balanced_order_is_a_function_of_seed_and_epoch_and_is_mixed() -> None:
    def order(seed: int, epoch: int) -> list[tuple[int, int]]:
        sampler = SeededSampler(40, per_case=1, seed=seed, classes=[0] * 36 + [1] * 4)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert order(1, 2) == order(1, 2)
    assert len({tuple(order(seed, epoch)) for seed, epoch in ((1, 2), (1, 3), (2, 2))}) == 3
    rare = [place for place, (position, _) in enumerate(order(1, 2)) if position >= 36]
    assert len(rare) == 20
    assert min(rare) < 8
    assert max(rare) > 32


def test_balance_without_any_class_is_the_natural_order() -> None:
    natural = SeededSampler(6, per_case=2, seed=3)
    assert list(SeededSampler(6, per_case=2, seed=3, classes=[None] * 6)) == list(natural)
