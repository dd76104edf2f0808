"""PReLU against PyTorch's own."""

import pytest
import torch
from torch import nn

from medweave.models.prelu import PReLU


@pytest.mark.parametrize("parameters", [1, 4])
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_equals_pytorch_forwards_and_backwards(memory, parameters) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn((3, 4, 6, 5), generator=generator).contiguous(memory_format=memory)
    features[0, 0, 0, 0] = 0.0
    towards = torch.randn(features.shape, generator=generator).contiguous(memory_format=memory)
    results = []
    for kind in (PReLU, nn.PReLU):
        layer = kind(parameters, init=0.2)
        leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
        activated = layer(leaf)
        activated.backward(towards)
        assert activated.is_contiguous(memory_format=memory)
        results.append([activated.detach(), leaf.grad, layer.weight.grad])
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-5)


def test_a_slope_below_zero_has_its_gradient() -> None:
    layer = PReLU(init=-0.5).double()
    features = torch.linspace(-1, 1, 8, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda values, slope: torch.func.functional_call(layer, {"weight": slope}, values), (features, layer.weight)
    )


def test_evaluation_is_the_same_as_training() -> None:
    layer, features = PReLU(), torch.randn(2, 3)
    assert torch.equal(layer.train()(features), layer.eval()(features))


def test_stays_pytorchs_prelu_in_an_export() -> None:
    exported = torch.export.export(PReLU(), (torch.ones(1, 4),))
    names = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert names == {"aten.prelu.default"}
