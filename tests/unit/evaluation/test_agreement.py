import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from medweave.evaluation.agreement import (
    MeasuredCase,
    limits_of_agreement,
    measurement_table,
    summarise_agreement,
)
from medweave.measurements.measurement import Measurement

TRUTH = np.array([50.0, 60.0, 20.0, 35.0, 70.0])
PREDICTED = np.array([52.0, 57.0, 26.0, 36.0, 69.0])


def _case(position, predicted, truth):
    return MeasuredCase(
        f"c{position}",
        f"p{position}",
        [Measurement("ejection_fraction", predicted, "%")],
        [] if truth is None else [Measurement("ejection_fraction", truth, "%")],
    )


def _table(predicted, truth):
    return measurement_table([_case(i, p, t) for i, (p, t) in enumerate(zip(predicted, truth, strict=True))])


def test_the_table_has_a_row_for_each_case_and_measurement():
    case = MeasuredCase(
        "c1",
        "p1",
        [Measurement("mass", 99.0, "g"), Measurement("ratio", math.nan, "")],
        [Measurement("mass", 100, "g")],
    )
    expected = pd.DataFrame(
        {
            "case_id": ["c1", "c1"],
            "subject_id": ["p1", "p1"],
            "measurement": ["mass", "ratio"],
            "unit": ["g", ""],
            "predicted": [99.0, math.nan],
            "truth": [100.0, math.nan],
        }
    )
    pd.testing.assert_frame_equal(measurement_table([case]), expected)


def test_agreement_is_bias_limits_and_correlation():
    found = summarise_agreement(_table(PREDICTED, TRUTH))["ejection_fraction"]
    assert found["bias"]["mean"] == pytest.approx(1.0)  # of 2, -3, 6, 1 and -1
    assert found["absolute_error"]["mean"] == pytest.approx(2.6)
    deviation = math.sqrt((1 + 16 + 25 + 0 + 4) / 4)
    assert found["limits"] == pytest.approx([1 - 1.96 * deviation, 1 + 1.96 * deviation])
    assert found["correlation"] == pytest.approx(stats.pearsonr(PREDICTED, TRUTH).statistic)
    assert (found["unit"], found["n"], found["n_unmeasured"], found["true_mean"]) == ("%", 5, 0, 47.0)


def test_the_interval_of_the_bias_holds_it():
    low, high = summarise_agreement(_table(PREDICTED, TRUTH))["ejection_fraction"]["bias"]["ci95"]
    assert low < 1.0 < high


def test_what_was_measured_in_the_truth_alone_is_counted():
    found = summarise_agreement(_table([math.nan, *PREDICTED[1:]], TRUTH))["ejection_fraction"]
    assert (found["n"], found["n_unmeasured"]) == (4, 1)
    assert found["bias"]["mean"] == pytest.approx(0.75)


def test_cases_without_truth_say_nothing():
    assert summarise_agreement(_table(PREDICTED, [None] * 5)) == {}
    assert summarise_agreement(_table(PREDICTED, [50.0, *[None] * 4]))["ejection_fraction"]["n"] == 1


@pytest.mark.parametrize("predicted", [[52.0], [52.0, 52.0, 52.0]])
def test_an_undefined_correlation_is_none(predicted):
    assert summarise_agreement(_table(predicted, TRUTH[: len(predicted)]))["ejection_fraction"]["correlation"] is None


def test_nothing_measured_is_none():
    found = summarise_agreement(_table([math.nan, math.nan], [50.0, 60.0]))["ejection_fraction"]
    assert (found["n"], found["n_unmeasured"], found["bias"], found["limits"]) == (0, 2, None, None)


def test_one_difference_has_no_limits():
    assert limits_of_agreement(np.array([1.0])) is None
