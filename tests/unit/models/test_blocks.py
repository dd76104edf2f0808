import pytest
import torch
from torch import nn

from medweave.models.blocks import DoubleConv, ResidualBlock, make_norm


@pytest.mark.parametrize(
    ("norm", "axes", "kind"),
    [
        ("batch", 2, nn.BatchNorm2d),
        ("batch", 3, nn.BatchNorm3d),
        ("instance", 2, nn.InstanceNorm2d),
        ("instance", 3, nn.InstanceNorm3d),
        ("group", 3, nn.GroupNorm),
    ],
)
def test_norms_have_a_weight_and_a_bias(norm, axes, kind):
    layer = make_norm(norm, 16, spatial_dims=axes)
    assert type(layer) is kind
    assert [parameter.shape for parameter in layer.parameters()] == [(16,), (16,)]


@pytest.mark.parametrize(("channels", "groups"), [(64, 8), (8, 1), (4, 1), (20, 2), (30, 3), (35, 1)])
def test_groups_hold_eight_channels_or_what_divides(channels, groups):
    assert make_norm("group", channels, spatial_dims=3).num_groups == groups


def test_a_double_convolution_keeps_the_size_and_ends_with_relu():
    block = DoubleConv(2, 6, norm="batch", spatial_dims=3)
    result = block(torch.randn(2, 2, 5, 6, 7))
    assert result.shape == (2, 6, 5, 6, 7)
    assert result.min() == 0
    # Two 3x3x3 convolutions with bias, two norms of two values a channel.
    assert sum(p.numel() for p in block.parameters()) == (27 * 2 * 6 + 6) + (27 * 6 * 6 + 6) + 2 * 2 * 6


def test_a_residual_block_without_convolutions_passes_its_input():
    block = ResidualBlock(4, 4, stride=1, norm="instance", spatial_dims=2)
    for parameter in block.body.parameters():
        nn.init.zeros_(parameter)
    features = torch.randn(2, 4, 6, 6)
    assert torch.equal(block(features), nn.functional.leaky_relu(features, 0.01))


@pytest.mark.parametrize("axes", [2, 3])
def test_a_strided_residual_block_averages_its_shortcut(axes):
    block = ResidualBlock(4, 4, stride=2, norm="instance", spatial_dims=axes)
    for parameter in block.body.parameters():
        nn.init.zeros_(parameter)
    features = torch.rand(1, 4, *[6] * axes)
    pool = nn.functional.avg_pool2d if axes == 2 else nn.functional.avg_pool3d
    assert torch.equal(block(features), pool(features, 2))


def test_a_residual_block_projects_where_channels_change():
    block = ResidualBlock(4, 6, stride=2, norm="batch", spatial_dims=3)
    assert block(torch.randn(2, 4, 8, 8, 4)).shape == (2, 6, 4, 4, 2)
