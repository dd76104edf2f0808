import numpy as np
import pytest
import torch

from medweave.inference.whole_case import average_over_flips, infer_whole, pad_to_divisors

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
        classes = np.einsum("xyz,cxyz->c", volume[0, 0], self.volume_weights)
        classes = classes + np.einsum("xy,cxy->c", flat[0, 0], self.flat_weights)
        with torch.inference_mode():
            mask = self.mask(torch.from_numpy(np.ascontiguousarray(volume))).numpy()
        return {"mask": mask, "classes": classes[None]}


def test_images_are_padded_by_their_border_each_to_its_own_multiples():
    images = {"volume": _image(5, 8, 3), "flat": _image(7, 9)}
    padded = pad_to_divisors(images, {"volume": (4, 4, 1), "flat": (8, 8)})
    assert np.array_equal(padded["volume"][0, 0], np.pad(images["volume"][0], ((0, 3), (0, 0), (0, 0)), mode="edge"))
    assert np.array_equal(padded["flat"][0, 0], np.pad(images["flat"][0], ((0, 1), (0, 7)), mode="edge"))


def test_an_image_is_never_as_small_as_one_voxel_of_the_coarsest_level():
    padded = pad_to_divisors({"flat": _image(7, 8)}, {"flat": (8, 8)})
    assert padded["flat"].shape == (1, 1, 16, 8)


def test_the_logits_are_the_network_s_without_the_batch_and_with_the_padding():
    images, network = {"volume": _image(5, 8, 4), "flat": _image(8, 9)}, MixedNetwork((8, 8, 4), (8, 12))
    divisors = {"volume": (4, 4, 1), "flat": (4, 4)}
    logits = infer_whole(images, network, divisors=divisors)
    expected = network(pad_to_divisors(images, divisors))
    assert network.shapes[0] == {"volume": (1, 1, 8, 8, 4), "flat": (1, 1, 8, 12)}
    assert np.array_equal(logits["mask"], expected["mask"][0])
    assert np.array_equal(logits["classes"], expected["classes"][0])


def test_flips_are_averaged_over_all_mirrored_copies_of_every_image():
    images = {"volume": _image(4, 6, 8)[None], "flat": _image(6, 4)[None]}
    network = MixedNetwork((4, 6, 8), (6, 4))
    copies = [(), (2,), (3,), (4,), (2, 3), (2, 4), (3, 4), (2, 3, 4)]
    answers = [
        (
            axes,
            network(
                {
                    "volume": np.flip(images["volume"], axes),
                    "flat": np.flip(images["flat"], [axis for axis in axes if axis < 4]),
                }
            ),
        )
        for axes in copies
    ]
    network.shapes.clear()
    logits = average_over_flips(network, 3)(images)
    assert len(network.shapes) == 8
    masks = [np.flip(answer["mask"], axes) for axes, answer in answers]
    assert logits["mask"] == pytest.approx(np.mean(masks, axis=0), abs=1e-6)
    classes = [answer["classes"] for _, answer in answers]
    assert logits["classes"] == pytest.approx(np.mean(classes, axis=0), abs=1e-5)


def test_an_average_over_flips_is_mirrored_with_its_images_and_its_classes_stay():
    images = {"volume": _image(4, 6, 8)[None], "flat": _image(6, 4)[None]}
    network = average_over_flips(MixedNetwork((4, 6, 8), (6, 4)), 3)
    straight, mirrored = network(images), network({name: np.flip(image, 2) for name, image in images.items()})
    assert np.flip(mirrored["mask"], 2) == pytest.approx(straight["mask"], abs=1e-6)
    assert mirrored["classes"] == pytest.approx(straight["classes"], abs=1e-5)
