import math

import pytest
import torch
from scipy import ndimage

from medweave.augmentation.augmentation import AugmentationPipeline, SampleKeys
from medweave.augmentation.spatial import affine, elastic, flip, rotate90

KEYS = {axes: SampleKeys(images=("image",), label_maps=("labels",), spatial_dims=axes) for axes in (2, 3)}


def _run(transform, *, axes, seed=0, size=16):
    """Transform an image and a label map that are one and the same blob off the centre."""
    blob = torch.zeros(1, *[size] * axes)
    blob[(0, slice(3, 7), slice(4, 11), slice(5, 9))[: axes + 1]] = 1
    result = AugmentationPipeline([transform])({"image": blob, "labels": blob.clone()}, seed=seed)
    return blob, result["image"], result["labels"]


def test_flips_along_one_axis_mirror_that_axis_alone():
    blob, image, labels = _run(flip(KEYS[3], probability=1.0, axes=(1,)), axes=3)
    assert torch.equal(image, blob.flip(2))
    assert torch.equal(labels, image)


def test_flips_along_every_axis_leave_out_those_that_an_image_has_not():
    blob, image, _ = _run(flip(KEYS[2], probability=1.0), axes=2)
    assert torch.equal(image, blob.flip(1, 2))


def test_axes_flip_apart_from_each_other():
    outcomes = {tuple(_run(flip(KEYS[3]), axes=3, seed=seed)[1].flatten().tolist()) for seed in range(40)}
    assert len(outcomes) == 8


def test_right_angles_are_in_the_plane_of_their_axes():
    outcomes = set()
    for seed in range(20):
        blob, image, labels = _run(rotate90(KEYS[3], probability=1.0, axes=(0, 2)), axes=3, seed=seed)
        assert torch.equal(image, labels)
        (turns,) = [count for count in (1, 2, 3) if torch.equal(image, torch.rot90(blob, count, (1, 3)))]
        outcomes.add(turns)
    assert outcomes == {1, 2, 3}


def test_affine_without_any_amount_changes_nothing():
    transform = affine(KEYS[3], probability=1.0, rotate_degrees=0, scale=0)
    blob, image, labels = _run(transform, axes=3)
    assert torch.allclose(image, blob, atol=1e-5)
    assert torch.equal(labels, blob)


def test_rotations_stay_below_their_limit():
    angles = []
    for seed in range(20):
        bar = torch.zeros(1, 65, 65)
        bar[0, 31:34, 8:57] = 1
        transform = affine(KEYS[2], probability=1.0, rotate_degrees=20, scale=0)
        result = AugmentationPipeline([transform])({"image": bar, "labels": bar.clone()}, seed=seed)["image"][0]
        x, y = (result > 0.5).nonzero().double().sub(32).T
        angles.append(math.degrees(0.5 * math.atan2(2 * (x * y).mean(), (y * y).mean() - (x * x).mean())))
    assert max(map(abs, angles)) < 21
    assert max(angles) > 8
    assert min(angles) < -8


def test_scales_stay_below_their_limit():
    volumes = []
    for seed in range(20):
        ball = (torch.cartesian_prod(*[torch.arange(-16.0, 17)] * 3).norm(dim=1) < 8).float().reshape(1, 33, 33, 33)
        transform = affine(KEYS[3], probability=1.0, rotate_degrees=0, scale=0.2)
        result = AugmentationPipeline([transform])({"image": ball, "labels": ball.clone()}, seed=seed)["image"]
        volumes.append((result.sum() / ball.sum()).item())
    assert 0.8**3 * 0.8 < min(volumes) < 0.95
    assert 1.05 < max(volumes) < 1 / 0.8**3 * 1.2


def test_translation_is_in_voxels():
    moves = []
    for seed in range(20):
        transform = affine(KEYS[2], probability=1.0, rotate_degrees=0, scale=0, translate_voxels=2)
        blob, image, _ = _run(transform, axes=2, seed=seed)
        before, after = (ndimage.center_of_mass(array[0].numpy()) for array in (blob, image))
        moves += [last - first for first, last in zip(before, after, strict=True)]
    assert 1 < max(map(abs, moves)) < 2.1


@pytest.mark.parametrize("axes", [2, 3])
def test_elastic_displacements_have_a_deviation_from_zero_to_the_limit(axes):
    size, deviations = 40, []
    ramp = torch.arange(float(size)).reshape(1, size, *[1] * (axes - 1)).expand(1, *[size] * axes).clone()
    pipeline = AugmentationPipeline([elastic(KEYS[axes], probability=1.0, sigma_voxels=3, displacement_voxels=1.5)])
    for seed in range(25):
        moved = pipeline({"image": ramp, "labels": ramp.clone()}, seed=seed)["image"] - ramp
        deviations.append(moved[0, 8:-8, 8:-8].std().item())
    assert 0 < min(deviations) < 0.4
    assert 1.1 < max(deviations) < 2.0


@pytest.mark.parametrize("axes", [2, 3])
def test_elastic_moves_labels_with_the_image(axes):
    transform = elastic(KEYS[axes], probability=1.0, sigma_voxels=4, displacement_voxels=2)
    blob, image, labels = _run(transform, axes=axes, seed=1, size=24)
    assert not torch.equal(image, blob)
    assert ((labels == 1) ^ (image > 0.5)).float().mean() < 0.01


def test_an_affine_in_the_plane_leaves_every_slice_in_its_place():
    ramp = torch.arange(12.0).expand(1, 16, 16, 12).clone()
    transform = affine(KEYS[3], probability=1.0, rotate_degrees=40, scale=0.2, shear=0.2, in_plane_only=True)
    moved = AugmentationPipeline([transform])({"image": ramp, "labels": ramp.clone()}, seed=3)
    assert torch.allclose(moved["image"], ramp, atol=1e-4)


def test_an_affine_in_the_plane_still_turns_the_slices():
    blob, image, _ = _run(affine(KEYS[3], probability=1.0, rotate_degrees=40, in_plane_only=True), axes=3)
    assert not torch.allclose(image, blob)


@pytest.mark.parametrize(
    "transform", [affine(KEYS[3], probability=1.0, rotate_degrees=40), elastic(KEYS[3], probability=1.0)]
)
def test_what_lies_beyond_the_border_is_the_border(transform):
    sample = {"image": torch.full((1, 16, 16, 16), 7.0), "labels": torch.full((1, 16, 16, 16), 2.0)}
    moved = AugmentationPipeline([transform])(sample, seed=1)
    torch.testing.assert_close(moved["image"], sample["image"])
    assert torch.equal(moved["labels"], sample["labels"])
