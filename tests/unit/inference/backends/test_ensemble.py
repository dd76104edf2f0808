import numpy as np
import pytest

from medweave.inference.backends.ensemble import Ensemble, average_of


class _Constant:
    def __init__(self, value):
        self.value = value
        self.size_divisors = {"mri": (4, 4)}

    def __call__(self, images, present):
        return {"heart": np.full((1, 2), self.value, np.float32)}


def test_the_answer_is_the_mean_of_the_networks():
    ensemble = average_of([_Constant(1.0), _Constant(2.0), _Constant(6.0)])
    answer = ensemble({}, {})["heart"]
    assert answer == pytest.approx(np.full((1, 2), 3.0))
    assert answer.dtype == np.float32
    assert ensemble.size_divisors == {"mri": (4, 4)}


def test_one_network_stays_itself():
    network = _Constant(1.0)
    assert average_of([network]) is network
    assert isinstance(average_of([network, network]), Ensemble)
