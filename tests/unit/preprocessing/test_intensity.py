import numpy as np
import pytest
from monai.transforms import NormalizeIntensity, ScaleIntensityRange, ScaleIntensityRangePercentiles
from numpy.typing import NDArray
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from medweave.preprocessing.intensity import IntensityNormalisation

ARRAY = np.random.default_rng(0).normal(300, 80, (9, 10, 11)).astype(np.float32)


def with_background() -> NDArray[np.float32]:
    array = ARRAY.copy()
    array[:4] = 0
    return array


def test_zscore_is_sklearns() -> None:
    expected = StandardScaler().fit_transform(ARRAY.reshape(-1, 1)).reshape(ARRAY.shape)
    np.testing.assert_allclose(IntensityNormalisation()(ARRAY), expected, atol=1e-5)


def test_zscore_clips_to_percentiles_first() -> None:
    clipped = np.clip(ARRAY, *np.percentile(ARRAY, [2, 95]))
    expected = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(IntensityNormalisation(lower=2, upper=95)(ARRAY), expected, atol=1e-5)


def test_one_bound_clips_one_side_only() -> None:
    normalised = IntensityNormalisation(upper=90)(ARRAY)
    assert np.count_nonzero(normalised == normalised.max()) == pytest.approx(0.1 * ARRAY.size, rel=0.02)
    assert np.count_nonzero(normalised == normalised.min()) == 1


def test_statistics_over_nonzero_voxels_are_monais() -> None:
    array = with_background()
    expected = NormalizeIntensity(nonzero=True)(array)
    normalised = IntensityNormalisation(only_nonzero=True)(array)
    np.testing.assert_allclose(normalised[4:], np.asarray(expected)[4:], atol=1e-5)


def test_background_keeps_its_distance_when_only_the_rest_is_measured() -> None:
    array = with_background()
    normalised = IntensityNormalisation(only_nonzero=True)(array)
    np.testing.assert_allclose(normalised[:4], -array[4:].mean() / array[4:].std(), rtol=1e-4)


def test_percentiles_are_monais() -> None:
    expected = ScaleIntensityRangePercentiles(5, 90, 0, 1, clip=True)(ARRAY)
    normalised = IntensityNormalisation(method="percentile", lower=5, upper=90)(ARRAY)
    np.testing.assert_allclose(normalised, np.asarray(expected), atol=1e-5)


def test_range_is_monais() -> None:
    expected = ScaleIntensityRange(200, 350, 0, 1, clip=True)(ARRAY)
    normalised = IntensityNormalisation(method="range", lower=200, upper=350)(ARRAY)
    np.testing.assert_allclose(normalised, np.asarray(expected), atol=1e-5)


def test_minmax_is_sklearns() -> None:
    expected = MinMaxScaler().fit_transform(ARRAY.reshape(-1, 1)).reshape(ARRAY.shape)
    np.testing.assert_allclose(IntensityNormalisation(method="minmax")(ARRAY), expected, atol=1e-5)


def test_none_changes_nothing() -> None:
    np.testing.assert_array_equal(IntensityNormalisation(method="none")(ARRAY), ARRAY)


@pytest.mark.parametrize("method", ["zscore", "percentile", "minmax"])
@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("only_nonzero", [False, True])
def test_a_constant_image_becomes_zero(method, value, only_nonzero) -> None:
    array = np.full((4, 4, 4), value, np.float32)
    normalised = IntensityNormalisation(method=method, lower=1, upper=99, only_nonzero=only_nonzero)(array)
    np.testing.assert_array_equal(normalised, np.zeros_like(array))


@pytest.mark.parametrize("method", ["zscore", "percentile", "range", "minmax", "none"])
def test_result_is_float32_and_the_input_untouched(method) -> None:
    array = ARRAY.copy()
    assert IntensityNormalisation(method=method, lower=1, upper=99)(array).dtype == np.float32
    np.testing.assert_array_equal(array, ARRAY)
