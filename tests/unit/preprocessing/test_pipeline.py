import itertools
import json

import numpy as np
import pytest
import SimpleITK as sitk
from monai.data import MetaTensor
from monai.transforms import Orientation
from numpy.typing import NDArray

from medweave.core.errors import DataError
from medweave.preprocessing.geometry import Grid, to_array, to_image
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import ForegroundCrop, Preprocessed, Preprocessor, restore_probability

IDENTITY = tuple(np.eye(3).ravel().tolist())
RAW = IntensityNormalisation(method="none")
SIZE, SPACING = (12, 14, 16), (1.0, 1.5, 2.5)


def signed_permutations() -> list[tuple[float, ...]]:
    """Return the direction cosines of all 48 ways to lay three axes along the patient's."""
    directions = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[list(order), range(3)] = signs
            directions.append(tuple(matrix.ravel().tolist()))
    return directions


OBLIQUE = sitk.VersorTransform((1, 2, 3), 0.4).GetMatrix()
DIRECTIONS = [*signed_permutations(), OBLIQUE]


def label_image(direction: tuple[float, ...], size: tuple[int, ...] = SIZE, labels: int = 3) -> sitk.Image:
    """Return random labels, at home on a grid with that direction, in the middle of a background of one voxel."""
    array = np.zeros(size, np.uint8)
    inside = tuple(slice(1, count - 1) for count in size)
    array[inside] = np.random.default_rng(0).integers(0, labels, array[inside].shape)
    return to_image(array, Grid(size, SPACING, (30.0, -40.0, 10.0), direction))


def smooth_labels(direction: tuple[float, ...]) -> sitk.Image:
    """Return two ellipsoids (1 and 2) in about 40 mm, on an anisotropic grid."""
    size = (40, 30, 24)
    grid = Grid(size, (1.0, 1.4, 1.8), (30.0, -40.0, 10.0), direction)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, count) for count in size), indexing="ij")
    array = np.zeros(size, np.uint8)
    array[(x / 0.8) ** 2 + (y / 0.7) ** 2 + (z / 0.75) ** 2 < 1] = 1
    array[(x / 0.4) ** 2 + (y / 0.5) ** 2 + (z / 0.45) ** 2 < 1] = 2
    return to_image(array, grid)


def as_float(image: sitk.Image) -> sitk.Image:
    return sitk.Cast(image, sitk.sitkFloat32)


def preprocess(preprocessor: Preprocessor, label_map: sitk.Image) -> tuple[Preprocessed, NDArray[np.uint8]]:
    done = preprocessor([as_float(label_map)])
    return done, preprocessor.preprocess_label_map(label_map, done.grid)


def restore(labels: NDArray[np.uint8], done: Preprocessed) -> NDArray[np.uint8]:
    """Restore each label's indicator and take the most probable label, as a predictor does."""
    channels = [
        restore_probability((labels == value).astype(np.float32), done.grid, done.native_grid)
        for value in range(1, int(labels.max()) + 1)
    ]
    background = 1 - np.sum(channels, axis=0)
    return np.argmax([background, *channels], axis=0).astype(np.uint8)


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_there_are_48_axis_permutations_and_flips() -> None:
    assert len(set(signed_permutations())) == 48


@pytest.mark.parametrize("orientation", [None, "LPS", "ASR"])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_labels_come_back_exactly_where_the_spacing_stays(direction, orientation) -> None:
    label_map = label_image(direction)
    preprocessor = Preprocessor(
        orientation=orientation, crop=ForegroundCrop(margin_voxels=1), size_voxels=(20, 20, 20), intensity=RAW
    )
    done, labels = preprocess(preprocessor, label_map)
    assert labels.shape == done.image.shape[1:] == (20, 20, 20)
    np.testing.assert_array_equal(done.image[0], labels)
    np.testing.assert_array_equal(restore(labels, done), to_array(label_map))
    assert done.native_grid == Grid.of(label_map)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_cropped_labels_come_back_inside_the_crop_and_zero_outside(direction) -> None:
    label_map = label_image(direction)
    done, labels = preprocess(Preprocessor(orientation="LPS", size_voxels=(8, 8, 8), intensity=RAW), label_map)
    inside = restore_probability(np.ones((8, 8, 8), np.float32), done.grid, done.native_grid)
    assert inside.sum() == 8**3
    np.testing.assert_array_equal(restore(labels, done), to_array(label_map) * inside)


@pytest.mark.parametrize("resampling", ["nearest", "majority"])
@pytest.mark.parametrize("direction", [*signed_permutations()[::7], OBLIQUE])
@pytest.mark.parametrize("spacing_mm", [(1.2, 1.2, 1.2), (0.8, 1.0, 2.0)])
def test_resampled_labels_come_back_closely(direction, spacing_mm, resampling) -> None:
    label_map = smooth_labels(direction)
    preprocessor = Preprocessor(
        orientation="LPS",
        spacing_mm=spacing_mm,
        label_resampling=resampling,
        crop=ForegroundCrop(margin_voxels=3),
        size_voxels=(64, 64, 64),
        intensity=RAW,
    )
    done, labels = preprocess(preprocessor, label_map)
    restored, truth = restore(labels, done), to_array(label_map)
    assert done.grid.spacing_mm == spacing_mm
    assert done.native_grid == Grid.of(label_map)
    assert restored.shape == truth.shape
    assert dice(restored > 0, truth > 0) > 0.95
    assert dice(restored == 2, truth == 2) > 0.9


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "PIR", "SAL"])
@pytest.mark.parametrize("direction", DIRECTIONS[::5])
def test_orientation_is_monais(direction, orientation) -> None:
    label_map = label_image(direction)
    done = Preprocessor(orientation=orientation, intensity=RAW)([as_float(label_map)])
    affine = np.eye(4)
    affine[:3, :3] = np.array(direction).reshape(3, 3) * SPACING
    ras = np.diag([-1.0, -1, 1, 1]) @ affine  # MONAI's frame is RAS
    labels = (("L", "R"), ("P", "A"), ("I", "S"))
    expected = Orientation(axcodes=orientation, labels=labels)(MetaTensor(to_array(label_map)[None], affine=ras))
    np.testing.assert_array_equal(done.image, expected.numpy())


@pytest.mark.parametrize("direction", DIRECTIONS[::5])
def test_orientation_comes_before_spacing(direction) -> None:
    image = as_float(smooth_labels(direction))
    done = Preprocessor(orientation="LPS", spacing_mm=(2.0, 3.0, 4.0), intensity=RAW)([image])
    oriented = Grid.of(sitk.DICOMOrient(image, "LPS"))
    extent = np.multiply(oriented.size_voxels, oriented.spacing_mm)
    assert done.grid.spacing_mm == (2.0, 3.0, 4.0)
    assert done.image.shape[1:] == tuple(np.rint(extent / (2.0, 3.0, 4.0)).astype(int))
    if direction != OBLIQUE:
        assert done.grid.direction == pytest.approx(IDENTITY)


def test_crop_comes_before_the_zscore() -> None:
    array = np.zeros((20, 20, 20), np.float32)
    array[5:15, 6:14, 7:13] = np.random.default_rng(0).uniform(50, 150, (10, 8, 6))
    image = to_image(array, Grid((20, 20, 20), SPACING, (0.0, 0.0, 0.0), IDENTITY))
    done = Preprocessor(crop=ForegroundCrop(above=0))([image])
    assert done.image.shape == (1, 10, 8, 6)
    assert done.grid.origin_mm == (5 * 1.0, 6 * 1.5, 7 * 2.5)
    assert done.image.mean() == pytest.approx(0, abs=1e-5)
    assert done.image.std() == pytest.approx(1, abs=1e-5)


def test_crop_keeps_its_margin_inside_the_image() -> None:
    array = np.zeros((20, 20, 20), np.float32)
    array[1:15, 6:14, 7:13] = 80
    image = to_image(array, Grid((20, 20, 20), SPACING, (0.0, 0.0, 0.0), IDENTITY))
    done = Preprocessor(crop=ForegroundCrop(above=50, margin_voxels=3), intensity=RAW)([image])
    np.testing.assert_array_equal(done.image[0], array[0:18, 3:17, 4:16])


def test_crop_takes_what_any_channel_shows() -> None:
    first, second = np.zeros((2, 10, 10, 10), np.float32)
    first[2:4, 5, 5] = second[7:9, 5, 5] = 1
    grid = Grid((10, 10, 10), SPACING, (0.0, 0.0, 0.0), IDENTITY)
    done = Preprocessor(crop=ForegroundCrop(), intensity=RAW)([to_image(first, grid), to_image(second, grid)])
    assert done.image.shape == (2, 7, 1, 1)


def test_image_without_foreground_is_not_cropped() -> None:
    image = to_image(np.zeros((5, 6, 7), np.float32), Grid((5, 6, 7), SPACING, (0.0, 0.0, 0.0), IDENTITY))
    assert Preprocessor(crop=ForegroundCrop(), intensity=RAW)([image]).image.shape == (1, 5, 6, 7)


def test_padding_repeats_the_border() -> None:
    array = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    image = to_image(array, Grid((4, 5, 6), SPACING, (0.0, 0.0, 0.0), OBLIQUE))
    done = Preprocessor(size_voxels=(8, 5, 9), intensity=RAW)([image])
    np.testing.assert_array_equal(done.image[0], np.pad(array, ((2, 2), (0, 0), (2, 1)), mode="edge"))


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_checkerboard_does_not_alias_when_it_shrinks(interpolation) -> None:
    array = (np.indices((48, 48, 48)).sum(axis=0) % 2).astype(np.float32)
    image = to_image(array, Grid((48, 48, 48), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    done = Preprocessor(spacing_mm=(3.0, 3.0, 3.0), interpolation=interpolation, intensity=RAW)([image])
    # Every third voxel of a checkerboard is a checkerboard again: unsmoothed sampling would give 0 and 1.
    np.testing.assert_allclose(done.image[0, 1:-1, 1:-1, 1:-1], 0.5, atol=0.02)


def test_majority_keeps_what_fills_most_of_a_voxel_and_nearest_what_is_at_its_centre() -> None:
    array = np.ones((24, 24, 24), np.uint8)
    array[1::3, 1::3, 1::3] = 2  # the centre of each block of 27
    label_map = to_image(array, Grid((24, 24, 24), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    results = {
        method: preprocess(Preprocessor(spacing_mm=(3.0, 3.0, 3.0), label_resampling=method, intensity=RAW), label_map)[
            1
        ]
        for method in ("nearest", "majority")
    }
    assert (results["nearest"] == 2).all()
    assert (results["majority"] == 1).all()


def test_majority_invents_no_label_between_two_others() -> None:
    array = np.zeros((24, 8, 8), np.uint8)
    array[12:] = 200
    label_map = to_image(array, Grid((24, 8, 8), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    preprocessor = Preprocessor(spacing_mm=(0.7, 1.3, 1.3), label_resampling="majority", intensity=RAW)
    labels = preprocess(preprocessor, label_map)[1]
    assert set(np.unique(labels)) == {0, 200}
    assert np.abs((labels > 0).mean() - 0.5) < 0.03


def test_majority_counts_shares_where_spacings_only_change_places() -> None:
    array = np.ones((24, 24, 24), np.uint8)
    array[1::3] = 2
    label_map = to_image(array, Grid((24, 24, 24), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), IDENTITY))
    preprocessor = Preprocessor(spacing_mm=(3.0, 1.0, 1.0), label_resampling="majority", intensity=RAW)
    assert (preprocess(preprocessor, label_map)[1] == 1).all()


def test_border_comes_back_where_spacings_only_change_places() -> None:
    native = Grid((6, 7, 8), (1.0, 1.0, 3.0), (0.0, 0.0, 0.0), IDENTITY)
    done = Preprocessor(spacing_mm=(4.0, 1.0, 1.0), intensity=RAW)([to_image(np.zeros((6, 7, 8), np.float32), native)])
    restored = restore_probability(np.ones(done.grid.size_voxels, np.float32), done.grid, native)
    np.testing.assert_allclose(restored, 1, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 1])
def test_values_that_are_not_finite_are_refused(value, channel) -> None:
    arrays = np.zeros((2, 5, 5, 5), np.float32)
    arrays[channel, 2, 2, 2] = value
    grid = Grid((5, 5, 5), SPACING, (0.0, 0.0, 0.0), IDENTITY)
    with pytest.raises(DataError, match=r"NaN or infinite values\. Fix: repair"):
        Preprocessor()([to_image(array, grid) for array in arrays])


def test_channels_are_sampled_on_the_first_ones_grid() -> None:
    ramp = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None], (20, 6, 6))
    fine = to_image(np.ascontiguousarray(ramp), Grid((20, 6, 6), (0.5, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    first = to_image(np.zeros((8, 6, 6), np.float32), Grid((8, 6, 6), (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), IDENTITY))
    done = Preprocessor(intensity=RAW)([first, fine])
    np.testing.assert_allclose(done.image[1], np.broadcast_to(2.0 + 2 * np.arange(8)[:, None, None], (8, 6, 6)))
    assert done.grid == done.native_grid == Grid.of(first)


def test_channels_that_do_not_overlap_are_refused() -> None:
    array = np.ones((6, 6, 6), np.float32)
    here, there = (Grid((6, 6, 6), SPACING, (x, 0.0, 0.0), IDENTITY) for x in (0.0, 500.0))
    with pytest.raises(DataError, match=r"images of one input do not overlap\. Fix: correct the origin"):
        Preprocessor()([to_image(array, here), to_image(array, there)])


def test_resizing_takes_the_whole_field_of_view_to_one_size() -> None:
    array = np.random.default_rng(0).random((30, 20)).astype(np.float32)
    image = to_image(array, Grid((30, 20), (0.5, 1.0), (3.0, 4.0), (1.0, 0.0, 0.0, 1.0)))
    preprocessed = Preprocessor(spatial_dims=2, resize_voxels=(15, 40), intensity=RAW)([image])
    assert preprocessed.image.shape == (1, 15, 40)
    assert preprocessed.grid.spacing_mm == pytest.approx((1.0, 0.5))
    # The outer edges stay: half a voxel beyond the first centre along each axis.
    assert preprocessed.grid.origin_mm == pytest.approx((3.0 - 0.25 + 0.5, 4.0 - 0.5 + 0.25))


def test_2d_image_is_resampled_and_comes_back() -> None:
    array = np.zeros((40, 30), np.uint8)
    array[10:30, 8:22] = 1
    label_map = to_image(array, Grid((40, 30), (0.5, 0.7), (3.0, 4.0), (1.0, 0.0, 0.0, 1.0)))
    preprocessor = Preprocessor(spatial_dims=2, orientation="LPS", spacing_mm=(0.6, 0.6), size_voxels=(48, 48))
    done, labels = preprocess(preprocessor, label_map)
    assert done.image.shape == (1, 48, 48)
    assert dice(restore(labels, done) == 1, array == 1) > 0.95


@pytest.mark.parametrize(
    "preprocessor",
    [
        Preprocessor(),
        Preprocessor(spatial_dims=2, spacing_mm=(1.0, 2.0), interpolation="cubic"),
        Preprocessor(
            orientation="RAS",
            spacing_mm=(1.0, 1.5, 2.0),
            label_resampling="majority",
            crop=ForegroundCrop(above=3.5, margin_voxels=2),
            size_voxels=(64, 64, 32),
            intensity=IntensityNormalisation(method="range", lower=-100, upper=300, only_nonzero=True),
        ),
    ],
)
def test_json_round_trip(preprocessor) -> None:
    again = Preprocessor.from_json(json.loads(json.dumps(preprocessor.to_json())))
    assert again == preprocessor


@pytest.mark.parametrize("interpolation", ["linear", "cubic"])
def test_what_was_zero_is_no_foreground_at_a_coarser_spacing(interpolation) -> None:
    array = np.zeros((40, 40, 20), np.float32)
    array[10:30, 10:30, 6:14] = np.random.default_rng(0).normal(100, 10, (20, 20, 8))
    image = to_image(array, Grid(array.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), IDENTITY))
    settings = {"spacing_mm": (2.0, 2.0, 2.0), "interpolation": interpolation}
    cropped = Preprocessor(**settings, crop=ForegroundCrop(), intensity=RAW)([image]).image
    assert cropped.shape == (1, 10, 10, 4)
    zscore = IntensityNormalisation(method="zscore", only_nonzero=True)
    normalised = Preprocessor(**settings, intensity=zscore)([image]).image[0]
    inside = normalised[5:15, 5:15, 3:7]
    assert abs(inside.mean()) < 1e-5
    assert inside.std() == pytest.approx(1, abs=1e-5)
