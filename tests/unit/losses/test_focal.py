import pytest
import torch

from medweave.losses.focal import focal_terms


def test_a_sure_answer_counts_less_by_the_power_of_what_it_misses():
    probability = torch.tensor([0.9, 0.5, 0.1])
    expected = [0.01 * 0.1053605, 0.25 * 0.6931472, 0.81 * 2.3025851]
    assert focal_terms(-probability.log(), 2.0).tolist() == pytest.approx(expected, rel=1e-5)


def test_exponent_zero_is_the_cross_entropy():
    cross_entropy = torch.tensor([0.0, 0.3, 5.0, 80.0])
    assert torch.equal(focal_terms(cross_entropy, 0.0), cross_entropy)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_a_certain_answer_has_a_finite_slope(gamma):
    cross_entropy = torch.zeros(2, requires_grad=True)
    focal_terms(cross_entropy, gamma).sum().backward()
    assert torch.isfinite(cross_entropy.grad).all()
