import tracemalloc

import numpy as np
import pytest

from medweave.data.facts import Histogram, Intensity


def test_intensity_agrees_with_hand_computed_numbers() -> None:
    intensity = Intensity.of(np.arange(201, dtype=np.float32))
    assert (intensity.minimum, intensity.maximum, intensity.mean) == (0, 200, 100)
    assert (intensity.p00_5, intensity.p01, intensity.p50, intensity.p99, intensity.p99_5) == (1, 2, 100, 198, 199)
    assert intensity.std == pytest.approx(np.sqrt((201**2 - 1) / 12))


def test_the_deviation_of_many_values_far_from_zero_needs_no_array_of_doubles() -> None:
    values = np.random.default_rng(0).normal(30_000, 2, (100, 100, 100)).astype(np.float32)
    wanted = values.astype(np.float64).std()
    tracemalloc.start()
    found = Intensity.of(values).std
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == pytest.approx(wanted, rel=1e-12)
    assert peak < 2 * values.nbytes  # the percentiles' copy, and some


def test_median_is_taken_number_by_number() -> None:
    cases = [Intensity.of(np.array([0, value], np.float32)) for value in (1, 2, 30)]
    median = Intensity.median_of(cases)
    assert median is not None
    assert (median.minimum, median.maximum, median.mean) == (0, 2, 1)
    assert Intensity.median_of([]) is None


def test_histogram_counts_what_lies_between_its_bounds() -> None:
    histogram = Histogram.of(np.array([-5, 0, 1, 1, 9, np.nan], np.float32), low=0.0, high=1.0)
    assert histogram.counts.sum() == 3
    assert histogram.counts[-1] == 2
