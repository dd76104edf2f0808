import numpy as np
import pytest
from scipy import special

from medweave.inference.activations import sigmoid, softmax

LOGITS = np.random.default_rng(0).normal(0, 30, (3, 5, 4)).astype(np.float32)


def test_softmax_is_scipy_s_along_the_first_axis():
    found = softmax(LOGITS)
    assert found.dtype == np.float32
    assert found == pytest.approx(special.softmax(LOGITS.astype(np.float64), axis=0), abs=1e-6)


def test_sigmoid_is_scipy_s_and_takes_what_is_certain():
    certain = np.array([-1e4, 1e4], np.float32)
    assert sigmoid(LOGITS) == pytest.approx(special.expit(LOGITS.astype(np.float64)), abs=1e-6)
    assert sigmoid(certain).tolist() == [0, 1]


@pytest.mark.parametrize("function", [softmax, sigmoid])
def test_logits_are_left_as_they_are(function):
    logits = LOGITS.copy()
    function(logits)
    assert np.array_equal(logits, LOGITS)
