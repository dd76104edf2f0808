import pytest
import torch

from medweave.optimization.optimizers import OPTIMIZERS
from medweave.optimization.schedulers import SCHEDULERS, Course

OPTIMIZER_NAMES, SCHEDULER_NAMES = OPTIMIZERS.names(), SCHEDULERS.names()


def _minimise(name, steps=60):
    """Minimise (w - 3)^2 from 1."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = OPTIMIZERS.get(name)([weight], lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        (weight - 3).square().sum().backward()
        optimizer.step()
    return weight.item(), optimizer.state_dict()


def _scheduled(name, **parameters):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    return optimizer, SCHEDULERS.get(name)(optimizer, Course(epochs=6, steps_per_epoch=1), **parameters)


def _step(optimizer, schedule):
    optimizer.step()
    if isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau):
        schedule.step(0.5)
    else:
        schedule.step()
    return optimizer.param_groups[0]["lr"]


def test_there_are_optimizers_and_schedulers() -> None:
    assert {"adam", "adamw", "sgd"} <= set(OPTIMIZER_NAMES)
    assert {"constant", "cosine", "cosine_restarts", "plateau", "polynomial", "step"} <= set(SCHEDULER_NAMES)


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
def test_an_optimizer_comes_nearer_to_the_minimum_and_always_the_same_way(name):
    value, state = _minimise(name)
    assert abs(value - 3) < 1.5
    assert (value, str(state)) == (_minimise(name)[0], str(_minimise(name)[1]))


@pytest.mark.parametrize("name", OPTIMIZER_NAMES)
def test_the_rate_is_the_recipe_s(name):
    optimizer = OPTIMIZERS.get(name)([torch.nn.Parameter(torch.zeros(1))], lr=0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125]


@pytest.mark.parametrize("name", SCHEDULER_NAMES)
def test_a_schedule_begins_at_the_optimizer_s_rate_and_stays_between_zero_and_it(name):
    optimizer, schedule = _scheduled(name)
    assert optimizer.param_groups[0]["lr"] == 0.5
    rates = [_step(optimizer, schedule) for _ in range(10)]
    assert all(0 <= rate <= 0.5 for rate in rates)


@pytest.mark.parametrize("name", SCHEDULER_NAMES)
def test_a_schedule_continues_from_its_state_which_holds_plain_values(name, tmp_path):
    optimizer, schedule = _scheduled(name)
    for _ in range(4):
        _step(optimizer, schedule)
    torch.save({"schedule": schedule.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "state")
    state = torch.load(tmp_path / "state", weights_only=True)
    expected = [_step(optimizer, schedule) for _ in range(8)]
    other_optimizer, other = _scheduled(name)
    other_optimizer.load_state_dict(state["optimizer"])
    other.load_state_dict(state["schedule"])
    assert [_step(other_optimizer, other) for _ in range(8)] == expected
