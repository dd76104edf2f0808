"""Transposed convolution against PyTorch's."""

import pytest
import torch
from torch import nn

from medweave.models.transposed_convolution import ConvTranspose2d, ConvTranspose3d

CASES = [
    (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 9, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 9, 7), {"kernel_size": 2, "stride": 2, "groups": 2}),
    (ConvTranspose3d, nn.ConvTranspose3d, (2, 4, 5, 4, 3), {"kernel_size": 3, "stride": 2, "output_padding": 1}),
    (ConvTranspose3d, nn.ConvTranspose3d, (2, 4, 5, 4, 3), {"kernel_size": 2, "stride": (2, 2, 1), "dilation": 2}),
]


@pytest.mark.parametrize(("kind", "reference", "shape", "options"), CASES)
@pytest.mark.parametrize("bias", [True, False])
def test_gives_what_pytorch_gives_forwards_and_backwards(kind, reference, shape, options, bias):
    torch.manual_seed(0)
    theirs = reference(shape[1], 8, bias=bias, **options)
    ours = kind(shape[1], 8, bias=bias, **options)
    ours.load_state_dict(theirs.state_dict())
    features, outcomes = torch.randn(shape), []
    for layer in (ours, theirs):
        given = features.clone().requires_grad_()
        result = layer(given)
        result.square().sum().backward()
        outcomes.append([result, given.grad, *(parameter.grad for parameter in layer.parameters())])
    for mine, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours.eval()(features), theirs(features))


def test_an_output_size_may_be_asked_for():
    layer = ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    assert layer(torch.zeros(1, 1, 4, 4), output_size=[8, 8]).shape == (1, 1, 8, 8)


def test_the_number_format_of_autocast_is_kept():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert ConvTranspose2d(2, 8, 2, stride=2)(torch.zeros(1, 2, 4, 4)).dtype == torch.bfloat16
