"""Transposed convolution against PyTorch's."""

import pytest
import torch
from torch import nn

from medweave.models.transposed_convolution import ConvTranspose2d, ConvTranspose3d

DOUBLING = {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1}
CASES = [
    (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 9, 7), {"kernel_size": 3, "stride": 2, "padding": 1}),
    (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 9, 7), {"kernel_size": 2, "stride": 2, "groups": 2}),
    (ConvTranspose3d, nn.ConvTranspose3d, (2, 4, 5, 4, 3), {"kernel_size": 3, "stride": 2, "output_padding": 1}),
    (ConvTranspose3d, nn.ConvTranspose3d, (2, 4, 5, 4, 3), {"kernel_size": 2, "stride": (2, 2, 1), "dilation": 2}),
    (ConvTranspose2d, nn.ConvTranspose2d, (2, 6, 9, 7), DOUBLING),
    (ConvTranspose3d, nn.ConvTranspose3d, (2, 4, 5, 4, 3), DOUBLING),
]


@pytest.mark.parametrize(("kind", "reference", "shape", "options"), CASES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("outputs", [2, 4, 8])
@pytest.mark.parametrize("is_channels_last", [False, True])
def test_gives_what_pytorch_gives_forwards_and_backwards(
    kind, reference, shape, options, bias, outputs, is_channels_last
):
    torch.manual_seed(0)
    theirs = reference(shape[1], outputs, bias=bias, **options)
    ours = kind(shape[1], outputs, bias=bias, **options)
    ours.load_state_dict(theirs.state_dict())
    last = torch.channels_last if len(shape) == 4 else torch.channels_last_3d
    features = torch.randn(shape).contiguous(memory_format=last if is_channels_last else torch.contiguous_format)
    outcomes = []
    for layer in (ours, theirs):
        given = features.clone().requires_grad_()
        result = layer(given)
        result.square().sum().backward()
        outcomes.append([result, given.grad, *(parameter.grad for parameter in layer.parameters())])
    for mine, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-4)
    assert torch.equal(ours.eval()(features), theirs(features))


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_an_axis_is_doubled_by_convolutions_of_the_even_and_the_odd_places(outputs):
    layer = ConvTranspose3d(4, outputs, **DOUBLING)
    features = torch.randn(1, 4, 3, 5, 2)
    expected = nn.functional.conv_transpose3d(
        features.double(), layer.weight.double(), layer.bias.double(), stride=2, padding=1, output_padding=1
    )
    found = layer(features)
    assert "Doubling" in type(found.grad_fn).__name__
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    assert found.movedim(1, -1).is_contiguous()


@pytest.mark.parametrize("other", [{"stride": 1, "output_padding": 0}, {"kernel_size": 4}, {"dilation": 2}])
def test_other_transposed_convolutions_of_few_channels_are_pytorch_s(other):
    layer = ConvTranspose2d(4, 2, **DOUBLING | other)
    assert "Doubling" not in type(layer(torch.randn(1, 4, 5, 6)).grad_fn).__name__


def test_an_output_size_may_be_asked_for():
    layer = ConvTranspose2d(1, 1, 3, stride=2, padding=1)
    assert layer(torch.zeros(1, 1, 4, 4), output_size=[8, 8]).shape == (1, 1, 8, 8)


def test_the_number_format_of_autocast_is_kept():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert ConvTranspose2d(2, 8, 2, stride=2)(torch.zeros(1, 2, 4, 4)).dtype == torch.bfloat16
        assert ConvTranspose2d(2, 2, **DOUBLING)(torch.zeros(1, 2, 4, 4)).dtype == torch.bfloat16
