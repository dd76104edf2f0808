import pytest
import torch

from medweave.optimization.optimizers import OPTIMIZERS, adam, adamw, sgd


def _after_steps(factory, gradients, **parameters):
    """The value of a parameter that begins at 1."""
    weight = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = factory([weight], **parameters)
    for gradient in gradients:
        weight.grad = torch.full((1,), gradient, dtype=torch.float64)
        optimizer.step()
    return weight.item()


def test_the_names_are_those_of_the_recipes():
    assert OPTIMIZERS.names() == ["adam", "adamw", "sgd"]


def test_the_first_step_of_adam_is_the_rate_whatever_the_gradient():
    assert _after_steps(adam, [1e3], lr=0.1) == pytest.approx(0.9)
    assert _after_steps(adam, [1e-3], lr=0.1) == pytest.approx(0.9, abs=1e-5)


def test_amsgrad_remembers_the_largest_gradient():
    gradients = [10.0, *[0.1] * 200]
    assert _after_steps(adam, gradients, amsgrad=True) > _after_steps(adam, gradients, amsgrad=False)


def test_adamw_decays_the_weight_itself():
    assert _after_steps(adamw, [0.0], lr=0.1, weight_decay=0.5) == pytest.approx(1 - 0.1 * 0.5)


def test_sgd_has_nesterov_momentum_by_hand():
    # v1 = 1, step 1 + 0.5 v1; v2 = 0.5 + 1, step 1 + 0.5 v2.
    value = _after_steps(sgd, [1.0, 1.0], lr=0.1, momentum=0.5, weight_decay=0.0)
    assert value == pytest.approx(1 - 0.1 * (1.5 + 1.75))


def test_sgd_adds_weight_decay_to_the_gradient():
    value = _after_steps(sgd, [0.0], lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.5)
    assert value == pytest.approx(1 - 0.1 * 0.5)


@pytest.mark.parametrize("factory", [adam, adamw, sgd])
def test_parameters_on_a_cpu_are_updated_in_one_pass(factory):
    assert factory(iter([torch.nn.Parameter(torch.ones(1))])).defaults["fused"] is True
    assert not factory([torch.nn.Parameter(torch.ones(1, device="meta"))]).defaults["fused"]
