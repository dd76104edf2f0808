"""Batch normalisation against PyTorch's."""

import pytest
import torch
from torch import nn

from medweave.models.batch_norm import BatchNorm2d, BatchNorm3d

CASES = [
    (BatchNorm2d, nn.BatchNorm2d, (3, 2, 9, 7), torch.channels_last),
    (BatchNorm3d, nn.BatchNorm3d, (2, 2, 6, 5, 4), torch.channels_last_3d),
    (BatchNorm3d, nn.BatchNorm3d, (2, 16, 6, 5, 4), torch.channels_last_3d),
]


@pytest.mark.parametrize(("layer", "reference", "shape", "memory"), CASES)
@pytest.mark.parametrize("training", [True, False])
def test_gives_what_pytorch_gives_forwards_and_backwards(layer, reference, shape, memory, training):
    torch.manual_seed(0)
    ours, theirs = layer(shape[1]).train(training), reference(shape[1]).train(training)
    gradient, outcomes = torch.randn(shape), []
    features = torch.randn(shape) * 3 + 5
    for norm, order in ((ours, memory), (theirs, torch.contiguous_format)):
        given = features.contiguous(memory_format=order).requires_grad_()
        normalised = norm(given)
        normalised.backward(gradient)
        outcomes.append((normalised, given.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var))
    for mine, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def test_normalises_few_channels_in_the_contiguous_format():
    few, many = torch.zeros(2, 2, 4, 4, 4), torch.zeros(2, 8, 4, 4, 4)
    assert BatchNorm3d(2)(few.contiguous(memory_format=torch.channels_last_3d)).is_contiguous()
    kept = BatchNorm3d(8)(many.contiguous(memory_format=torch.channels_last_3d))
    assert kept.is_contiguous(memory_format=torch.channels_last_3d)
