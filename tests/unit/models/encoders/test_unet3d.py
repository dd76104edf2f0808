from itertools import pairwise

import torch
from torch.nn import functional

from medweave.models.encoders.unet3d import UNet3DEncoder


def test_levels_are_joined_by_max_pooling():
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=2, channels=(4, 8)).eval()
    image = torch.randn(1, 1, 8, 6)
    fine, coarse = encoder(image)
    assert torch.equal(fine, encoder.stages[0](image))
    assert torch.equal(coarse, encoder.stages[1](functional.max_pool2d(fine, 2)))


def test_the_default_encoder_has_a_hand_counted_number_of_parameters():
    with torch.device("meta"):
        encoder = UNet3DEncoder(in_channels=1, spatial_dims=3)
    channels = (1, 32, 64, 128, 256, 512)
    counted = sum(
        27 * before * after + after + 27 * after * after + after + 4 * after for before, after in pairwise(channels)
    )
    assert sum(parameter.numel() for parameter in encoder.parameters()) == counted
