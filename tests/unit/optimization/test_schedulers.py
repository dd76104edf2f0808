import math

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

from medweave.optimization.schedulers import Course, constant, cosine, cosine_restarts, plateau, polynomial, step

COURSE = Course(epochs=4, steps_per_epoch=2)


def _rates(factory, course=COURSE, **parameters):
    """The rate at every optimizer step of the course, for a learning rate of 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = factory(optimizer, course, **parameters)
    rates = []
    for _ in range(course.epochs * course.steps_per_epoch):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def test_constant_stays():
    assert _rates(constant) == [1.0] * 8


def test_warm_up_rises_linearly_and_reaches_the_rate_at_its_last_step():
    assert _rates(constant, warmup_epochs=2) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])
    assert _rates(constant, warmup_epochs=0.5) == [1.0] * 8
    assert _rates(constant, Course(epochs=1, steps_per_epoch=4), warmup_epochs=0.75) == pytest.approx(
        [1 / 3, 2 / 3, 1, 1]
    )


def test_step_falls_every_so_many_epochs():
    assert _rates(step, step_epochs=2, factor=0.1) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1])
    assert _rates(step, step_epochs=1) == pytest.approx([1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])


def test_cosine_is_half_a_cosine_over_all_steps():
    assert _rates(cosine) == pytest.approx([(1 + math.cos(math.pi * number / 8)) / 2 for number in range(8)])
    assert _rates(cosine, final_factor=0.2)[4] == pytest.approx(0.6)


def test_cosine_after_a_warm_up_begins_at_the_full_rate():
    rates = _rates(cosine, warmup_epochs=2)
    assert rates == pytest.approx(
        [0.25, 0.5, 0.75, 1, 1, (1 + math.cos(math.pi / 4)) / 2, 0.5, (1 - math.cos(math.pi / 4)) / 2]
    )


@pytest.mark.parametrize(("first", "lengthening"), [(1, 2), (2, 1), (3, 3)])
def test_cosine_with_restarts_is_pytorch_s(first, lengthening):
    steps_per_epoch, final_factor = 4, 0.125
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = CosineAnnealingWarmRestarts(optimizer, T_0=first, T_mult=lengthening, eta_min=final_factor)
    expected = []
    for number in range(12 * steps_per_epoch):
        reference.step(number / steps_per_epoch)
        expected.append(optimizer.param_groups[0]["lr"])
    course = Course(epochs=12, steps_per_epoch=steps_per_epoch)
    parameters = {"first_epochs": first, "lengthening": lengthening, "final_factor": final_factor}
    assert _rates(cosine_restarts, course, **parameters) == pytest.approx(expected)
    assert expected.count(1.0) > 1


def test_restarts_are_counted_from_the_end_of_the_warm_up():
    rates = _rates(cosine_restarts, Course(epochs=7, steps_per_epoch=1), first_epochs=2, warmup_epochs=1)
    low, high = (1 - math.sqrt(0.5)) / 2, (1 + math.sqrt(0.5)) / 2
    assert rates == pytest.approx([1, 1, 0.5, 1, high, 0.5, low])


def test_polynomial_is_the_remaining_share_to_a_power():
    assert _rates(polynomial, power=2) == pytest.approx([(1 - number / 8) ** 2 for number in range(8)])
    assert _rates(polynomial)[6] == pytest.approx(0.25**0.9)


@pytest.mark.parametrize("factory", [cosine, polynomial])
def test_a_schedule_ends_at_zero_and_stays_there(factory):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = factory(optimizer, COURSE)
    for _ in range(9):
        optimizer.step()
        schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0


def test_plateau_falls_when_the_score_has_not_risen_for_longer_than_patience():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = plateau(optimizer, COURSE, factor=0.1, patience=2, min_lr=0.05)
    rates = []
    for score in (0.5, 0.6, 0.6, 0.5, 0.4, 0.7, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1):
        schedule.step(score)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05])
