"""Instance normalisation against PyTorch's own."""

import pytest
import torch
from torch import nn

from medweave.models.instance_norm import InstanceNorm2d, InstanceNorm3d


@pytest.mark.parametrize("memory", [torch.contiguous_format, "channels_last"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [
        (InstanceNorm2d, nn.InstanceNorm2d, (3, 5, 9, 7)),
        (InstanceNorm3d, nn.InstanceNorm3d, (2, 17, 6, 5, 4)),
        *((InstanceNorm2d, nn.InstanceNorm2d, shape) for shape in [(1, 8, 1, 9), (1, 8, 9, 1), (1, 1, 1, 9)]),
        *((InstanceNorm3d, nn.InstanceNorm3d, shape) for shape in [(1, 8, 1, 4, 6), (1, 8, 1, 1, 6), (1, 8, 4, 1, 1)]),
    ],
)
def test_equals_pytorch_forwards_and_backwards(ours, theirs, shape, affine, memory) -> None:
    generator = torch.Generator().manual_seed(0)
    if memory == "channels_last":
        memory = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    features = (torch.randn(shape, generator=generator) * 3 + 5).contiguous(memory_format=memory)
    towards = torch.randn(shape, generator=generator).contiguous(memory_format=memory)
    results = []
    for kind in (ours, theirs):
        layer = kind(shape[1], affine=affine)
        if affine:
            layer.weight.data = torch.linspace(0.5, 2, shape[1])
            layer.bias.data = torch.linspace(-1, 1, shape[1])
        # PyTorch's gradient of channels-last features is wrong where the batch has one sample.
        format_ = torch.preserve_format if kind is ours else torch.contiguous_format
        leaf = features.clone(memory_format=format_).requires_grad_()
        out = layer(leaf)
        out.backward(towards.clone(memory_format=format_))
        results.append([out.detach(), leaf.grad, *(parameter.grad for parameter in layer.parameters())])
        if kind is ours:
            assert out.is_contiguous(memory_format=memory)
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-4, atol=2e-5)


def test_has_pytorchs_parameters_and_names() -> None:
    state = nn.InstanceNorm3d(4, affine=True).state_dict()
    assert InstanceNorm3d(4, affine=True).load_state_dict(state).missing_keys == []


def test_stays_an_instance_normalisation_in_an_export() -> None:
    exported = torch.export.export(InstanceNorm3d(2, affine=True).eval(), (torch.randn(1, 2, 4, 4, 4),))
    names = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert names == {"aten.instance_norm.default"}


def test_computes_in_float32_under_autocast() -> None:
    layer = InstanceNorm3d(2, affine=True)
    features = torch.randn(1, 2, 8, 8, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        normalised = layer(features)
    torch.testing.assert_close(normalised, nn.InstanceNorm3d(2)(features.float()), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("layer", "shape"), [(InstanceNorm3d, (1, 4, 96, 96, 64)), (InstanceNorm2d, (1, 4, 768, 768))])
def test_many_voxels_cost_no_digits(layer, shape) -> None:
    memory = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    features = (torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 3).contiguous(memory_format=memory)
    axes = tuple(range(2, len(shape)))
    exact = features.double()
    exact = (exact - exact.mean(axes, keepdim=True)) / (exact.var(axes, correction=0, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(layer(4)(features).double(), exact, rtol=0, atol=3e-5)


@pytest.mark.parametrize("ratio", [30, 300, 3000])
def test_a_mean_far_above_the_deviation_costs_no_digits(ratio) -> None:
    features = torch.randn(1, 4, 24, 24, 24, generator=torch.Generator().manual_seed(0)) + ratio
    features[:, 0] = ratio  # a channel without any deviation
    exact = nn.InstanceNorm3d(4).double()(features.double())
    torch.testing.assert_close(InstanceNorm3d(4)(features).double(), exact, rtol=0, atol=1e-4)
