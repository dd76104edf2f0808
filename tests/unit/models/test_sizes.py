import pytest
import torch

from medweave.models.encoders.densenet121 import DenseNet121Encoder
from medweave.models.encoders.residual_unet import ResidualUNetEncoder
from medweave.models.sizes import padded_size


@pytest.mark.parametrize(
    ("size", "divisors", "expected"),
    [
        ((33, 64), (32, 16), (64, 64)),
        ((1, 17), (8, 8), (8, 24)),
        ((7, 8, 9), (4, 4, 1), (8, 8, 9)),
        ((32, 20), (32, 32), (64, 32)),
        ((5, 5, 2), (8, 8, 2), (16, 8, 2)),
        ((16, 16), (8, 8), (16, 16)),
    ],
)
def test_every_axis_is_a_multiple_of_its_divisor_and_not_all_are_one(size, divisors, expected):
    assert padded_size(size, divisors) == expected
    assert padded_size(expected, divisors) == expected


@pytest.mark.parametrize(
    "encoder",
    [
        DenseNet121Encoder(in_channels=1, spatial_dims=2),
        ResidualUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 4, 4), blocks=(1, 1, 1), norm="instance"),
    ],
    ids=["batch", "instance"],
)
def test_a_lone_sample_of_the_smallest_size_can_be_normalised_in_training(encoder):
    divisors = encoder.strides[-1]
    image = torch.randn(1, 1, *padded_size((1,) * len(divisors), divisors))
    assert all(torch.isfinite(level).all() for level in encoder.train()(image))
    with pytest.raises(ValueError, match="Expected more than 1"):
        encoder(torch.randn(1, 1, *divisors))
