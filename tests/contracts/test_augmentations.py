import inspect

import pytest
import torch

from medweave.augmentation.augmentation import AUGMENTATIONS, AugmentationPipeline, SampleKeys

NAMES = AUGMENTATIONS.names()
SPATIAL = {"affine", "elastic", "flip", "rotate90"}
CASES = [(name, axes, channels) for name in NAMES for axes in (2, 3) for channels in (1, 2)]
SEEDS = range(6)


def _keys(axes):
    return SampleKeys(images=("mri",), label_maps=("heart", "lung"), spatial_dims=axes)


def _pipeline(name, axes, probability=1.0):
    component = AUGMENTATIONS.get(name)
    assert "probability" in inspect.signature(component).parameters
    return AugmentationPipeline([component(_keys(axes), probability=probability)])


def _sample(axes, channels):
    """An image that is brighter where the label is higher."""
    labels = torch.zeros(1, *[16] * axes)
    labels[(0, slice(3, 12), slice(4, 11), slice(2, 13))[: axes + 1]] = 1
    labels[(0, slice(5, 9), slice(5, 9), slice(5, 9))[: axes + 1]] = 5
    image = labels + 0.05 * torch.randn(labels.shape, generator=torch.Generator().manual_seed(0))
    return {"mri": image.expand(channels, *labels.shape[1:]).clone(), "heart": labels, "lung": labels.clone()}


def test_there_are_augmentations() -> None:
    assert set(NAMES) > SPATIAL
    assert len(NAMES) >= 10


@pytest.mark.parametrize(("name", "axes", "channels"), CASES)
def test_shapes_types_and_finiteness_are_kept(name, axes, channels):
    sample = _sample(axes, channels)
    for seed in SEEDS:
        result = _pipeline(name, axes)(sample, seed=seed)
        assert {key: value.shape for key, value in result.items()} == {k: v.shape for k, v in sample.items()}
        assert {value.dtype for value in result.values()} == {torch.float32}
        assert all(torch.isfinite(value).all() for value in result.values())


@pytest.mark.parametrize(("name", "axes", "channels"), CASES)
def test_label_maps_keep_their_values_and_stay_alike(name, axes, channels):
    for seed in SEEDS:
        result = _pipeline(name, axes)(_sample(axes, channels), seed=seed)
        assert set(result["heart"].unique().tolist()) <= {0.0, 1.0, 5.0}
        assert torch.equal(result["heart"], result["lung"])


@pytest.mark.parametrize(("name", "axes", "channels"), CASES)
def test_label_maps_stay_aligned_with_the_image(name, axes, channels):
    for seed in SEEDS:
        result = _pipeline(name, axes)(_sample(axes, channels), seed=seed)
        core, body, outside = (result["mri"][0][result["heart"][0] == value] for value in (5, 1, 0))
        assert core.median() > body.median() > outside.median()


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("name", sorted(set(NAMES) - SPATIAL))
def test_intensities_alone_leave_label_maps_alone(name, axes):
    for seed in SEEDS:
        sample = _sample(axes, 1)
        result = _pipeline(name, axes)(sample, seed=seed)
        assert torch.equal(result["heart"], sample["heart"])


@pytest.mark.parametrize(("name", "axes", "channels"), CASES)
def test_probability_one_changes_the_image_and_zero_does_not(name, axes, channels):
    sample = _sample(axes, channels)
    changed = [not torch.equal(_pipeline(name, axes)(sample, seed=seed)["mri"], sample["mri"]) for seed in SEEDS]
    assert all(changed)
    for seed in SEEDS:
        result = _pipeline(name, axes, probability=0.0)(sample, seed=seed)
        assert all(torch.equal(result[key], sample[key]) for key in sample)


@pytest.mark.parametrize(("name", "axes", "channels"), CASES)
def test_one_seed_gives_one_result_in_any_pipeline(name, axes, channels):
    first, second = (_pipeline(name, axes, probability=0.5) for _ in range(2))
    second(_sample(axes, channels), seed=99)
    for seed in SEEDS:
        one, other = first(_sample(axes, channels), seed=seed), second(_sample(axes, channels), seed=seed)
        assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_without_label_maps_is_augmented_too(name):
    keys = SampleKeys(images=("mri",), label_maps=(), spatial_dims=3)
    pipeline = AugmentationPipeline([AUGMENTATIONS.get(name)(keys)])
    assert pipeline({"mri": _sample(3, 1)["mri"]}, seed=0)["mri"].shape == (1, 16, 16, 16)
