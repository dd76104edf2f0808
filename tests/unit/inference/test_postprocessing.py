import numpy as np
import pytest
import SimpleITK as sitk
import torch
from scipy import ndimage

from medweave.inference.postprocessing import (
    count_voxels,
    largest_connected_component,
    probabilities,
    restore_map,
    restore_segmentation,
    share_inside,
)
from medweave.preprocessing.geometry import Grid, crop_or_pad_grid, respaced_grid, to_array
from medweave.preprocessing.pipeline import Preprocessed, restore_probability

IDENTITY = (1, 0, 0, 0, 1, 0, 0, 0, 1)
GRID = Grid((12, 10, 8), (1.0, 2.0, 3.0), (5.0, -3.0, 7.0), IDENTITY)
STRUCTURES = {"atrium": 4, "aorta": 2}


def _preprocessed(grid=GRID, native=GRID):
    return Preprocessed(np.zeros((1, *grid.size_voxels), np.float32), grid, native)


def _restore(structure_probabilities, preprocessed=None, **settings):
    settings = {"activation": "softmax", "largest_component": False, "keep_probabilities": False} | settings
    label_map, kept = restore_segmentation(
        structure_probabilities.astype(np.float32), preprocessed or _preprocessed(), structures=STRUCTURES, **settings
    )
    return label_map, kept


def _logits(channels=3, seed=0):
    return np.random.default_rng(seed).normal(size=(channels, *GRID.size_voxels)).astype(np.float32)


def test_probabilities_are_torch_s_without_the_background():
    logits = _logits()
    softmax = torch.from_numpy(logits).softmax(dim=0)[1:].numpy()
    assert probabilities(logits, "softmax") == pytest.approx(softmax, abs=1e-6)
    assert probabilities(logits, "sigmoid") == pytest.approx(torch.from_numpy(logits).sigmoid().numpy(), abs=1e-6)
    assert probabilities(logits, "softmax").dtype == np.float32


def test_extreme_logits_give_finite_probabilities():
    logits = np.full((2, 2, 2), 1e4, np.float32)
    logits[1] = -1e4
    assert probabilities(logits, "softmax").max() == 0
    assert probabilities(logits, "sigmoid").tolist() == [[[1, 1], [1, 1]], [[0, 0], [0, 0]]]


def test_softmax_takes_the_likeliest_class_the_background_included():
    logits = _logits()
    label_map, _ = _restore(probabilities(logits, "softmax"))
    expected = np.array([0, 4, 2], np.uint8)[logits.argmax(axis=0)]
    assert np.array_equal(to_array(label_map), expected)
    assert label_map.GetPixelID() == sitk.sitkUInt8


def test_sigmoid_takes_the_likeliest_structure_of_more_than_one_half():
    chances = np.random.default_rng(1).random((2, *GRID.size_voxels))
    label_map, _ = _restore(chances, activation="sigmoid")
    expected = np.where(chances.max(axis=0) > 0.5, np.array([4, 2])[chances.argmax(axis=0)], 0)
    assert np.array_equal(to_array(label_map), expected)


def test_a_winner_below_one_half_counts_with_softmax_alone():
    chances = np.stack([np.full(GRID.size_voxels, share) for share in (0.4, 0.3)])
    assert np.unique(to_array(_restore(chances)[0])).tolist() == [4]
    assert np.unique(to_array(_restore(chances, activation="sigmoid")[0])).tolist() == [0]


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_outside_the_crop_is_background(activation):
    crop = crop_or_pad_grid(GRID, start=[3, 2, 1], size=[6, 5, 4])
    label_map, kept = _restore(
        np.stack([np.full(crop.size_voxels, share) for share in (0.9, 0.05)]),
        _preprocessed(crop),
        activation=activation,
        keep_probabilities=True,
    )
    expected = np.zeros(GRID.size_voxels)
    expected[3:9, 2:7, 1:5] = 4
    assert np.array_equal(to_array(label_map), expected)
    assert kept["atrium"] == pytest.approx(expected / 4 * 0.9, abs=1e-6)


def test_beyond_the_native_grid_is_cut_off():
    padded = crop_or_pad_grid(GRID, start=[-2, -2, -4], size=[16, 16, 16])
    chances = np.random.default_rng(2).random((2, *padded.size_voxels)) / 2
    label_map, kept = _restore(chances, _preprocessed(padded), keep_probabilities=True)
    assert Grid.of(label_map) == GRID
    assert kept["aorta"] == pytest.approx(chances[1, 2:14, 2:12, 4:12], abs=1e-6)


@pytest.mark.parametrize(
    "direction",
    [
        IDENTITY,
        (-1, 0, 0, 0, -1, 0, 0, 0, 1),
        (0, 0, 1, -1, 0, 0, 0, 1, 0),
        (0.8, -0.6, 0, 0.6, 0.8, 0, 0, 0, -1),
    ],
)
def test_the_choice_is_made_on_the_native_grid(direction):
    native = Grid((24, 20, 8), (0.5, 1.0, 3.0), (5.0, -3.0, 7.0), direction)
    coarse = respaced_grid(native, (2.0, 2.0, 2.0))
    chances = np.random.default_rng(3).dirichlet((1, 1, 1), coarse.size_voxels).transpose(3, 0, 1, 2)[1:]
    label_map, _ = _restore(chances, _preprocessed(coarse, native))
    restored = [restore_probability(np.ascontiguousarray(c, dtype=np.float32), coarse, native) for c in chances]
    background = 1 - restored[0] - restored[1]
    winner = np.array([0, 4, 2])[np.stack([background, *restored]).argmax(axis=0)]
    assert Grid.of(label_map) == native
    assert (to_array(label_map) == winner).mean() > 0.999


def test_probabilities_are_returned_only_where_asked_for():
    chances = probabilities(_logits(), "softmax")
    assert _restore(chances)[1] == {}
    kept = _restore(chances, keep_probabilities=True)[1]
    assert list(kept) == ["atrium", "aorta"]
    assert kept["aorta"] == pytest.approx(chances[1], abs=1e-6)


def test_only_the_largest_component_of_each_structure_is_kept():
    chances = np.zeros((2, *GRID.size_voxels))
    chances[0, 1:5, 1:5, 1:5] = chances[1, 8:11, 1:4, 1:4] = 0.9
    chances[0, 8:10, 7:9, 1:3] = chances[1, 1, 8, 6] = 0.9
    everything = to_array(_restore(chances)[0])
    largest = to_array(_restore(chances, largest_component=True)[0])
    assert {value: int((everything == value).sum()) for value in (4, 2)} == {4: 64 + 8, 2: 27 + 1}
    assert {value: int((largest == value).sum()) for value in (4, 2)} == {4: 64, 2: 27}


def test_components_that_touch_at_an_edge_are_two():
    mask = np.zeros((6, 6), np.bool_)
    mask[:3, :3] = mask[3:5, 3:5] = True
    assert np.array_equal(np.argwhere(largest_connected_component(mask)).max(axis=0), [2, 2])


def test_the_largest_component_is_scipy_s_largest():
    mask = np.random.default_rng(4).random((16, 16, 16)) < 0.35
    components, count = ndimage.label(mask)
    sizes = ndimage.sum_labels(mask, components, range(1, count + 1))
    assert count > 10
    assert largest_connected_component(mask).sum() == sizes.max()


@pytest.mark.parametrize(("size", "filling"), [((4, 4), False), ((4, 4), True), ((0, 0, 0), False)])
def test_a_uniform_mask_stays(size, filling):
    mask = np.full(size, filling)
    assert np.array_equal(largest_connected_component(mask), mask)


def test_two_dimensional_answers_are_restored_too():
    native = Grid((12, 10), (0.5, 1.0), (5.0, -3.0), (0, 1, 1, 0))
    chances = np.random.default_rng(5).random((2, 12, 10)) / 2
    label_map, _ = _restore(chances, _preprocessed(native, native))
    stacked = np.stack([1 - chances.sum(axis=0), *chances])
    assert np.array_equal(to_array(label_map), np.array([0, 4, 2])[stacked.argmax(axis=0)])


def test_a_map_comes_back_to_the_native_grid_without_its_padding():
    native = Grid((4, 4), (2.0, 2.0), (0.0, 0.0), (1.0, 0.0, 0.0, 1.0))
    preprocessed = Preprocessed(np.zeros((1, 4, 4), np.float32), native, native)
    values = np.arange(36, dtype=np.float32).reshape(6, 6)
    np.testing.assert_array_equal(restore_map(values, preprocessed), values[:4, :4])


def test_the_share_inside_a_mask_is_that_of_the_sum():
    values = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    assert share_inside(values, np.array([[True, False], [False, True]])) == pytest.approx(0.5)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
@pytest.mark.parametrize("largest_component", [False, True])
def test_voxels_are_counted_as_the_label_map_has_them(activation, largest_component):
    settings = {"activation": activation, "largest_component": largest_component}
    of_structures = probabilities(_logits(3 if activation == "softmax" else 2), activation)
    label_map, _ = _restore(of_structures, **settings)
    expected = [int((to_array(label_map) == value).sum()) for value in STRUCTURES.values()]
    assert min(expected) > 0
    assert count_voxels(of_structures, **settings).tolist() == expected
