import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from medweave.data.likeness import near_duplicate_pairs, perceptual_hashes, thumbnail

Array = NDArray[np.float32]
SHAPES = {2: (90, 80), 3: (48, 50, 36)}


def texture(seed: int, spatial_dims: int) -> Array:
    """Smooth noise over a bright body that all images share, as anatomy is shared."""
    rng = np.random.default_rng(seed)
    shape = SHAPES[spatial_dims]
    body = np.prod(np.meshgrid(*(np.hanning(size) for size in shape), indexing="ij"), axis=0)
    return np.asarray(100 * body + 300 * gaussian_filter(rng.normal(size=shape), 3), dtype=np.float32)


def pairs(images: list[Array]) -> list[tuple[int, int]]:
    thumbnails, hashes = [thumbnail(image) for image in images], [perceptual_hashes(image) for image in images]
    return near_duplicate_pairs(thumbnails, hashes, spatial_dims=images[0].ndim)


def noisy(image: Array) -> Array:
    return image + np.random.default_rng(9).normal(0, 0.05 * image.std(), image.shape).astype(np.float32)


@pytest.mark.parametrize("spatial_dims", [2, 3])
@pytest.mark.parametrize(
    "changed",
    [noisy, lambda image: 3.7 * image + 100, lambda image: image[1:], lambda image: image[:, :-1]],
    ids=["noise", "scale", "crop_first", "crop_last"],
)
def test_a_changed_copy_is_found_and_other_images_are_not(changed, spatial_dims: int) -> None:
    images = [texture(seed, spatial_dims) for seed in range(8)]
    assert pairs([*images, changed(images[3])]) == [(3, 8)]


def test_thumbnails_are_normalised_and_their_product_is_the_correlation() -> None:
    first, second = texture(0, 3), texture(1, 3)
    blocks = [image[:48, :48, :32].reshape(16, 3, 16, 3, 16, 2).mean(axis=(1, 3, 5)) for image in (first, second)]
    ours = thumbnail(first[:48, :48, :32]) @ thumbnail(second[:48, :48, :32])
    assert ours == pytest.approx(np.corrcoef(blocks[0].ravel(), blocks[1].ravel())[0, 1], abs=1e-5)


def test_the_thumbnail_of_a_volume_takes_little_memory() -> None:
    volume = np.random.default_rng(0).normal(size=(96, 64, 64)).astype(np.float32)
    tracemalloc.start()
    try:
        thumbnail(volume)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < volume.nbytes / 2


def test_fewer_voxels_than_cells_repeat_voxels() -> None:
    image = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    repeated = np.repeat(np.repeat(image, 2, axis=0), 4, axis=1)
    np.testing.assert_allclose(thumbnail(image), thumbnail(repeated), atol=1e-6)


def test_a_flat_image_is_like_nothing() -> None:
    flat = np.full((20, 20, 20), 7, np.float32)
    assert pairs([flat, flat]) == []
    assert perceptual_hashes(flat) == perceptual_hashes(flat)


def test_planes_have_a_hash_each() -> None:
    assert len(perceptual_hashes(texture(0, 2))) == 1
    assert [len(text) for text in perceptual_hashes(texture(0, 3))] == [16, 16, 16]


def test_no_image_has_no_pair() -> None:
    assert near_duplicate_pairs([], [], spatial_dims=3) == []
