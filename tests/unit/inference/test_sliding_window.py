import tracemalloc

import numpy as np
import pytest
import torch
from monai.inferers import sliding_window_inference

from medweave.inference import sliding_window
from medweave.inference.sliding_window import count_windows, infer_by_window

RNG = np.random.default_rng(0)


class ConvolutionalNetwork:
    """Two convolutions with zero padding, so that a window's border matters; counts its runs."""

    def __init__(self, axes):
        torch.manual_seed(0)
        convolution = torch.nn.Conv2d if axes == 2 else torch.nn.Conv3d
        self.layers = torch.nn.Sequential(
            convolution(1, 4, 3, padding=1), torch.nn.ReLU(), convolution(4, 3, 3, padding=1)
        )
        self.shapes = []

    def __call__(self, batch):
        self.shapes.append(batch.shape)
        with torch.inference_mode():
            return {"heart": self.layers(torch.from_numpy(np.ascontiguousarray(batch))).numpy()}


def _image(*size):
    return RNG.normal(size=(1, *size)).astype(np.float32)


def _infer(image, network, window, **settings):
    settings = {"overlap": 0.5, "divisor": (4,) * len(window)} | settings
    return infer_by_window(image, network, window_voxels=window, **settings)["heart"]


@pytest.mark.parametrize(
    ("size", "window", "overlap"),
    [
        ((48, 32), (16, 16), 0.5),
        ((40, 24, 16), (16, 8, 8), 0.5),
        ((80, 40), (32, 16), 0.25),
        ((20, 16, 8), (20, 16, 8), 0.5),
    ],
)
def test_it_is_monai_s_where_the_tiles_coincide(size, window, overlap):
    image, network = _image(*size), ConvolutionalNetwork(len(size))
    expected = sliding_window_inference(
        torch.from_numpy(image[None]), window, 1, network.layers.eval(), overlap=overlap, mode="gaussian"
    )
    assert _infer(image, network, window, overlap=overlap) == pytest.approx(expected[0].detach().numpy(), abs=1e-4)


@pytest.mark.parametrize("size", [(16, 12), (16, 12, 8)])
def test_one_window_that_suffices_is_the_plain_network(size):
    image, network = _image(*size), ConvolutionalNetwork(len(size))
    assert np.array_equal(_infer(image, network, [24] * len(size)), network(image[None])["heart"][0])
    assert network.shapes[0] == (1, 1, *size)


def test_a_small_volume_is_padded_by_its_border_to_the_next_multiple():
    image, network = _image(10, 12, 5), ConvolutionalNetwork(3)
    expected = network(np.pad(image, [(0, 0), (0, 2), (0, 0), (0, 3)], mode="edge")[None])["heart"][0]
    network.shapes.clear()
    assert np.array_equal(_infer(image, network, (16, 16, 16)), expected[:, :10, :12, :5])
    assert network.shapes == [(1, 1, 12, 12, 8)]


def test_each_axis_is_padded_to_its_own_multiple():
    image, network = _image(10, 12, 5), ConvolutionalNetwork(3)
    assert _infer(image, network, (16, 16, 16), divisor=(8, 8, 1)).shape == (3, 10, 12, 5)
    assert network.shapes == [(1, 1, 16, 16, 5)]


def test_an_axis_shorter_than_the_window_is_run_whole_and_the_others_tiled():
    image, network = _image(40, 6), ConvolutionalNetwork(2)
    assert _infer(image, network, (16, 16)).shape == (3, 40, 6)
    assert set(network.shapes) == {(1, 1, 16, 8)}
    assert len(network.shapes) == 4


@pytest.mark.parametrize(("size", "window", "overlap"), [((37, 22), (16, 8), 0.5), ((17, 9, 33), (8, 8, 16), 0.7)])
def test_a_constant_network_is_reproduced(size, window, overlap):
    def network(batch):
        return {"heart": np.stack([np.full(batch.shape[2:], value, np.float32) for value in (-3.5, 1e3)])[None]}

    logits = _infer(_image(*size), network, window, overlap=overlap)
    assert logits.shape == (2, *size)
    assert logits[0] == pytest.approx(np.full(size, -3.5), rel=1e-6)
    assert logits[1] == pytest.approx(np.full(size, 1e3), rel=1e-6)


def test_a_network_of_each_voxel_alone_is_reproduced_in_place():
    image = _image(37, 22)
    assert _infer(image, lambda batch: {"heart": 2 * batch}, (16, 8)) == pytest.approx(2 * image, rel=1e-5)


@pytest.mark.parametrize("overlap", [0.0, 0.25, 0.5, 0.9])
def test_windows_reach_every_voxel_and_overlap_by_at_least_the_share(overlap):
    seen = np.zeros((37, 22), int)
    corners = []
    index = np.arange(37 * 22, dtype=np.float32).reshape(1, 37, 22)

    def network(batch):
        places = batch[0, 0].astype(int)
        seen.flat[places.ravel()] += 1
        corners.append(divmod(int(places[0, 0]), 22))
        return {"heart": batch}

    _infer(index, network, (16, 8), overlap=overlap)
    assert seen.min() >= 1
    assert {corners[0], corners[-1]} == {(0, 0), (21, 14)}
    for axis, window in enumerate((16, 8)):
        starts = sorted({corner[axis] for corner in corners})
        assert max(np.diff(starts)) <= max(round(window * (1 - overlap)), 1)


def test_heads_are_kept_apart_and_may_have_other_channels():
    def network(batch):
        return {"heart": batch, "lung": np.concatenate([batch, -batch], axis=1)}

    image = _image(20, 20)
    result = infer_by_window(image, network, window_voxels=(8, 8), overlap=0.5, divisor=(4, 4))
    assert {name: logits.shape for name, logits in result.items()} == {"heart": (1, 20, 20), "lung": (2, 20, 20)}
    assert result["lung"][1] == pytest.approx(-image[0], rel=1e-5)


def test_what_is_kept_of_past_windows_is_bounded():
    for size in range(9, 20):
        _infer(_image(size, 20), lambda batch: {"heart": batch}, (size, 8))
    assert sliding_window._gaussian.cache_info().currsize < 5


def test_memory_beside_the_image_is_an_accumulator_a_channel_and_one_for_the_weights():
    image = _image(96, 96, 64)
    volume = image.nbytes

    def network(batch):
        return {"heart": np.zeros((1, 3, *batch.shape[2:]), np.float32)}

    _infer(image[:, :16, :16, :16], network, (8, 8, 8))
    tracemalloc.start()
    _infer(image, network, (16, 16, 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 4 * volume <= peak < 4.2 * volume


@pytest.mark.parametrize(("window", "n_windows"), [((16, 16), 9), ((32, 32), 1)])
def test_features_are_the_mean_of_the_windows(window, n_windows):
    image, seen = _image(32, 32), []

    def network(batch):
        seen.append(batch.mean(axis=(2, 3)))
        return {"heart": batch, "features.mri": seen[-1]}

    found = infer_by_window(image, network, window_voxels=window, overlap=0.5, divisor=(4, 4))
    assert len(seen) == n_windows
    assert found["features.mri"] == pytest.approx(np.mean(seen, axis=0)[0], abs=1e-6)
    assert found["heart"] == pytest.approx(image, abs=1e-5)


@pytest.mark.parametrize("shape", [(3, 4), (8, 8), (9, 8), (20, 33)])
def test_as_many_windows_are_counted_as_are_run(shape):
    calls = []

    def network(batch):
        calls.append(batch.shape)
        return {"head": batch}

    options = {"window_voxels": (8, 8), "overlap": 0.5, "divisor": (4, 4)}
    infer_by_window(np.zeros((1, *shape), np.float32), network, **options)
    assert count_windows(shape, **options) == len(calls)
