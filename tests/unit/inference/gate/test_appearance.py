import json

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.preprocessing.geometry import Grid, to_image
from medweave.preprocessing.pipeline import Preprocessor

LPS, PERMUTED = (1, 0, 0, 0, 1, 0, 0, 0, 1), (0, 0, 1, 1, 0, 0, 0, 1, 0)
PLAIN = Preprocessor()


def _volume(low=0.0, high=100.0, *, spacing=(1.0, 1.0, 2.0), size=(11, 10, 5), direction=LPS):
    values = np.linspace(low, high, int(np.prod(size)), dtype=np.float32).reshape(size)
    return to_image(values, Grid(size, spacing, (0.0,) * 3, direction))


def _trained(images, preprocessor=PLAIN, *, is_resized=False):
    return TrainingAppearance.of([Appearance.of([image], preprocessor) for image in images], is_resized=is_resized)


def _codes(trained, image, preprocessor=PLAIN):
    return [warning.code for warning in trained.warnings("mri", Appearance.of([image], preprocessor))]


def test_quantiles_are_those_of_the_voxels():
    found = Appearance.of([_volume(0, 100), _volume(-50, 50)], PLAIN)
    assert found.intensity == pytest.approx(np.array([[1, 50, 99], [-49, 0, 49]]), abs=1e-3)


def test_infinite_voxels_are_left_to_the_preprocessor_without_a_warning():
    found = Appearance.of([_volume(1, 100) * np.inf], PLAIN)
    assert not np.isfinite(found.intensity).all()


def test_quantiles_of_a_large_image_are_of_evenly_chosen_voxels():
    values = np.random.default_rng(0).normal(size=(90, 90, 90)).astype(np.float32)
    found = Appearance.of([to_image(values, Grid((90,) * 3, (1.0,) * 3, (0.0,) * 3, LPS))], PLAIN)
    assert found.intensity[0] == pytest.approx(np.quantile(values, [0.01, 0.5, 0.99]), abs=0.02)


def test_a_case_like_the_training_cases_has_no_warning():
    trained = _trained([_volume(0, 100), _volume(10, 140)])
    assert _codes(trained, _volume(5, 120)) == []


def test_another_scale_of_intensity_is_told_with_both_numbers():
    trained = _trained([_volume(0, 100), _volume(0, 140)])
    (warning,) = trained.warnings("mri", Appearance.of([_volume(0, 1000)], PLAIN))
    assert (warning.code, warning.input_name) == ("intensity", "mri")
    assert warning.message == "the median is 500, of the training images 50 to 70"


@pytest.mark.parametrize(("high", "codes"), [(124, []), (127, ["intensity"])])
def test_the_slack_is_a_quarter_of_the_training_images_width(high, codes):
    trained = _trained([_volume(0, 100)])  # width 98, so the 99th percentile may reach 99 + 24.5 = 123.5
    assert _codes(trained, _volume(0, high)) == codes


def test_a_channel_is_named_where_there_are_several():
    channels = [_volume(), _volume()]
    trained = TrainingAppearance.of([Appearance.of(channels, PLAIN)], is_resized=False)
    (warning,) = trained.warnings("mri", Appearance.of([_volume(), _volume(900, 999)], PLAIN))
    assert "the 1st percentile of channel 2 is 901" in warning.message


def test_spacing_and_extent_may_be_half_as_large_again():
    trained = _trained([_volume(spacing=(1.0, 1.0, 2.0)), _volume(spacing=(1.0, 1.0, 4.0))])
    assert _codes(trained, _volume(spacing=(1.4, 1.0, 5.9))) == []
    assert _codes(trained, _volume(spacing=(1.0, 1.0, 6.1))) == ["spacing", "size"]
    assert _codes(trained, _volume(spacing=(0.6, 1.0, 2.0), size=(18, 10, 5))) == ["spacing"]


def test_axes_are_compared_after_reorientation():
    oriented = Preprocessor(orientation="LPS")
    trained = _trained([_volume(spacing=(1.0, 1.0, 8.0))], oriented)
    turned = sitk.DICOMOrient(_volume(spacing=(1.0, 1.0, 8.0)), "SAL")
    assert turned.GetSpacing() == (8.0, 1.0, 1.0)
    assert _codes(trained, turned, oriented) == []


def test_an_orientation_that_is_not_undone_must_have_been_seen():
    trained = _trained([_volume()])
    (warning,) = trained.warnings("mri", Appearance.of([_volume(direction=(-1, 0, 0, 0, 1, 0, 0, 0, 1))], PLAIN))
    assert (warning.code, warning.message) == (
        "orientation",
        "the axes run towards RPS, of the training images towards LPS",
    )


def _picture(size):
    return to_image(
        np.linspace(0, 255, size[0] * size[1], dtype=np.float32).reshape(size),
        Grid(size, (1.0, 1.0), (0.0, 0.0), (1, 0, 0, 1)),
    )


def test_of_pictures_that_are_stretched_to_one_size_the_shape_counts_and_that_they_are_not_tiny():
    flat = Preprocessor(spatial_dims=2, resize_voxels=(64, 64))
    trained = _trained([_picture((100, 120)), _picture((200, 200))], flat, is_resized=True)
    assert _codes(trained, _picture((1000, 1100)), flat) == []
    assert _codes(trained, _picture((300, 100)), flat) == ["size"]
    assert _codes(trained, _picture((49, 52)), flat) == ["size"]


def test_json_gives_back_the_same_warnings():
    trained = _trained([_volume(), _volume(0, 140)])
    again = TrainingAppearance.from_json(json.loads(json.dumps(trained.to_json())))
    strange = Appearance.of([_volume(0, 900, spacing=(3.0, 1.0, 2.0), direction=PERMUTED)], PLAIN)
    assert again.warnings("mri", strange) == trained.warnings("mri", strange)
    assert [warning.code for warning in again.warnings("mri", strange)] == [
        "intensity",
        "spacing",
        "size",
        "orientation",
    ]
