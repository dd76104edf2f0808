"""Instance normalisation against PyTorch's own."""

import pytest
import torch
from torch import nn

from medweave.models.instance_norm import InstanceNorm2d, InstanceNorm3d


@pytest.mark.parametrize("memory", [torch.contiguous_format, "channels_last"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs", "shape"),
    [(InstanceNorm2d, nn.InstanceNorm2d, (3, 5, 9, 7)), (InstanceNorm3d, nn.InstanceNorm3d, (2, 17, 6, 5, 4))],
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
        leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
        out = layer(leaf)
        out.backward(towards)
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
