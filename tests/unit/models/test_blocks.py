import pytest
import torch
from torch import nn

from medweave.models.batch_norm import BatchNorm2d, BatchNorm3d
from medweave.models.blocks import DoubleConv, ResidualBlock, level_kernels, make_norm, same_padding
from medweave.models.instance_norm import InstanceNorm2d, InstanceNorm3d


@pytest.mark.parametrize(
    ("norm", "axes", "kind"),
    [
        ("batch", 2, BatchNorm2d),
        ("batch", 3, BatchNorm3d),
        ("instance", 2, InstanceNorm2d),
        ("instance", 3, InstanceNorm3d),
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


@pytest.mark.parametrize(
    ("strides", "kernels"),
    [
        ([(1, 1), (2, 2), (4, 4)], [(3, 3), (3, 3), (3, 3)]),
        ([(1, 1, 1), (2, 2, 1), (4, 4, 2)], [(3, 3, 1), (3, 3, 3), (3, 3, 3)]),
        ([(2, 2, 1), (4, 4, 1), (8, 8, 1)], [(3, 3, 1), (3, 3, 1), (3, 3, 3)]),
        ([(1, 1, 1)], [(3, 3, 3)]),
    ],
)
def test_a_level_s_kernel_spares_the_axis_that_only_the_next_level_keeps(strides, kernels):
    assert level_kernels(strides) == kernels


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (1, 0), ((3, 3, 1), (1, 1, 0)), ((7, 1), (3, 0))])
def test_padding_keeps_the_size_under_any_odd_kernel(kernel, padding):
    assert same_padding(kernel) == padding


@pytest.mark.parametrize(
    "block",
    [
        DoubleConv(2, 4, norm="batch", spatial_dims=3, kernel=(3, 3, 1)),
        ResidualBlock(2, 4, stride=1, norm="batch", spatial_dims=3, kernel=(3, 3, 1)),
    ],
    ids=["double_conv", "residual"],
)
def test_a_kernel_of_one_does_not_look_along_its_axis(block):
    features = torch.randn(1, 2, 6, 6, 4)
    before = block.eval()(features)
    features[..., 0] += 1
    changed = (block(features) - before).abs().amax(dim=(0, 1, 2, 3))
    assert changed[0] > 0
    assert torch.equal(changed[1:], torch.zeros(3))


def test_a_strided_residual_block_may_keep_an_axis():
    block = ResidualBlock(4, 4, stride=(2, 2, 1), norm="instance", spatial_dims=3, kernel=(3, 3, 1))
    for parameter in block.body.parameters():
        nn.init.zeros_(parameter)
    features = torch.rand(1, 4, 6, 6, 5)
    assert torch.equal(block(features), nn.functional.avg_pool3d(features, (2, 2, 1)))
