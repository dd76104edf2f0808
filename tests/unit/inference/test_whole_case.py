import numpy as np
import pytest
import torch

from medweave.inference.whole_case import infer_whole, mirrored, mirrorings, pad_to_divisors

RNG = np.random.default_rng(0)


def _image(*size):
    return RNG.normal(size=(1, *size)).astype(np.float32)


class MixedNetwork:
    """A mask of a 3D input, and classes from both inputs whose weights differ from place to place."""

    def __init__(self, volume_size, flat_size):
        torch.manual_seed(0)
        self.mask = torch.nn.Conv3d(1, 2, 3, padding=1)
        self.volume_weights = RNG.normal(size=(3, *volume_size)).astype(np.float32)
        self.flat_weights = RNG.normal(size=(3, *flat_size)).astype(np.float32)
        self.shapes = []

    def __call__(self, images):
        self.shapes.append({name: image.shape for name, image in images.items()})
        volume, flat = images["volume"], images["flat"]
        classes = np.einsum("bxyz,cxyz->bc", volume[:, 0], self.volume_weights)
        classes = classes + np.einsum("bxy,cxy->bc", flat[:, 0], self.flat_weights)
        with torch.inference_mode():
            mask = self.mask(torch.from_numpy(np.ascontiguousarray(volume))).numpy()
        return {"mask": mask, "classes": classes}


def test_images_are_padded_by_their_border_each_to_its_own_multiples():
    images = {"volume": _image(5, 8, 3), "flat": _image(7, 9)}
    padded = pad_to_divisors(images, {"volume": (4, 4, 1), "flat": (8, 8)})
    assert np.array_equal(padded["volume"][0, 0], np.pad(images["volume"][0], ((0, 3), (0, 0), (0, 0)), mode="edge"))
    assert np.array_equal(padded["flat"][0, 0], np.pad(images["flat"][0], ((0, 1), (0, 7)), mode="edge"))


def test_an_image_is_never_as_small_as_one_voxel_of_the_coarsest_level():
    padded = pad_to_divisors({"flat": _image(7, 8)}, {"flat": (8, 8)})
    assert padded["flat"].shape == (1, 1, 16, 8)


def test_the_logits_are_the_network_s_by_case_and_with_the_padding():
    batch = [{"volume": _image(5, 8, 4), "flat": _image(8, 9)} for _ in range(2)]
    network, divisors = MixedNetwork((8, 8, 4), (8, 12)), {"volume": (4, 4, 1), "flat": (4, 4)}
    logits = infer_whole(batch, network, divisors=divisors)
    assert network.shapes == [{"volume": (2, 1, 8, 8, 4), "flat": (2, 1, 8, 12)}]
    for images, found in zip(batch, logits, strict=True):
        expected = network(pad_to_divisors(images, divisors))
        assert found["mask"] == pytest.approx(expected["mask"][0], abs=1e-5)
        assert found["classes"] == pytest.approx(expected["classes"][0], abs=1e-4)


def test_an_image_can_be_mirrored_along_every_set_of_its_axes():
    assert mirrorings([0, 1]) == [(), (1,), (0,), (0, 1)]
    assert len(set(mirrorings([0, 1, 2]))) == 8


@pytest.mark.parametrize("axes", [(), (0,), (2,), (1, 2), (0, 1, 2)])
def test_a_mirrored_network_mirrors_its_images_and_its_masks_back(axes):
    images = {"volume": _image(4, 6, 8)[None], "flat": _image(6, 4)[None]}
    network = MixedNetwork((4, 6, 8), (6, 4))
    of_batch = tuple(axis + 2 for axis in axes)
    flat_axes = tuple(axis for axis in of_batch if axis < 4)
    expected = network({"volume": np.flip(images["volume"], of_batch), "flat": np.flip(images["flat"], flat_axes)})
    found = mirrored(network, axes)(images)
    assert np.array_equal(found["mask"], np.flip(expected["mask"], of_batch))
    assert np.array_equal(found["classes"], expected["classes"])
