import pytest
import torch
from torch import nn

from medweave.models.encoders.anisotropy import fit_level


def test_strided_layers_get_the_step_and_the_others_keep_theirs():
    level = nn.Sequential(nn.MaxPool3d(3, 2, 1), nn.Conv3d(2, 2, 3, stride=2, padding=1), nn.Conv3d(2, 2, 1))
    fit_level(level, step=(2, 2, 1), kernel=(3, 3, 3))
    pool, strided, pointwise = level
    assert (pool.kernel_size, pool.stride, pool.padding) == ((3, 3, 1), (2, 2, 1), (1, 1, 0))
    assert (strided.kernel_size, strided.stride, strided.padding) == ((3, 3, 3), (2, 2, 1), (1, 1, 1))
    assert (pointwise.kernel_size, pointwise.stride) == ((1, 1, 1), (1, 1, 1))
    assert level(torch.zeros(1, 2, 8, 12, 5)).shape == (1, 2, 2, 3, 5)


def test_an_average_is_taken_over_the_step():
    level = nn.Sequential(nn.AvgPool3d(2, 2))
    fit_level(level, step=(2, 2, 1), kernel=(3, 3, 3))
    image = torch.randn(1, 1, 4, 4, 3)
    assert torch.equal(level(image), nn.functional.avg_pool3d(image, (2, 2, 1)))


@pytest.mark.parametrize("size", [3, 7])
def test_a_narrowed_kernel_gives_values_as_large_and_keeps_the_size(size):
    torch.manual_seed(0)
    whole = nn.Conv3d(32, 64, size, padding=size // 2, bias=False)
    narrow = nn.Conv3d(32, 64, size, padding=size // 2, bias=False)
    fit_level(narrow, step=(1, 1, 1), kernel=(3, 3, 1))
    assert narrow.weight.shape == (64, 32, size, size, 1)
    assert narrow.weight.requires_grad
    image = torch.randn(1, 32, 10, 10, 10)
    inside = slice(size // 2, 10 - size // 2)
    results = [layer(image) for layer in (whole, narrow)]
    assert results[1].shape == (1, 64, 10, 10, 10)
    spreads = [result[..., inside, inside, inside].std().item() for result in results]
    assert spreads[1] / spreads[0] == pytest.approx(1, abs=0.1)


def test_a_cubic_level_is_left_as_it_is():
    level = nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.Conv2d(2, 2, 3, stride=2, padding=1), nn.AvgPool2d(2, 2))
    weight, image = level[1].weight, torch.randn(1, 2, 16, 16)
    before = level(image)
    fit_level(level, step=(2, 2), kernel=(3, 3))
    assert level[1].weight is weight
    assert torch.equal(level(image), before)
