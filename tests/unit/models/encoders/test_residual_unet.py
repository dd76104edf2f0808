import pytest
import torch

from medweave.models.blocks import ResidualBlock
from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.residual_unet import ResidualUNetEncoder


def test_each_stage_has_its_blocks_and_halves_but_the_first():
    encoder = ResidualUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 8, 16), blocks=(1, 2, 3))
    assert [len(stage) for stage in encoder.stages] == [1, 2, 3]
    assert all(isinstance(block, ResidualBlock) for stage in encoder.stages for block in stage)
    assert encoder.strides == equal_strides(1, 2, 4, spatial_dims=3)


def test_as_many_blocks_as_channels_are_wanted():
    with pytest.raises(ValueError, match="channels and blocks must have one length, got 2 and 3"):
        ResidualUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 8), blocks=(1, 1, 1))


def test_each_stage_reduces_by_its_own_step_and_spares_slices_that_the_next_keeps():
    steps = ((1, 1, 1), (2, 2, 1), (2, 2, 1), (3, 2, 2))
    encoder = ResidualUNetEncoder(
        in_channels=1, spatial_dims=3, channels=(4, 4, 6, 8), blocks=(1, 2, 1, 1), steps=steps
    ).eval()
    assert encoder.strides == ((1, 1, 1), (2, 2, 1), (4, 4, 1), (12, 8, 2))
    image = torch.randn(1, 1, 24, 16, 6)
    pyramid = encoder(image)
    assert [level.shape[2:] for level in pyramid] == [(24, 16, 6), (12, 8, 6), (6, 4, 6), (2, 2, 3)]
    assert [stage[-1].body[3].kernel_size for stage in encoder.stages] == [(3, 3, 1), (3, 3, 1), (3, 3, 3), (3, 3, 3)]


def test_pictures_may_be_halved_at_once():
    encoder = ResidualUNetEncoder(in_channels=1, spatial_dims=2, channels=(4, 8), blocks=(1, 1), steps=((2, 2), (2, 2)))
    assert [level.shape[2:] for level in encoder(torch.randn(1, 1, 16, 8))] == [(8, 4), (4, 2)]


def test_a_step_for_each_axis_of_each_stage_is_wanted():
    with pytest.raises(ValueError, match=r"steps must hold 3 numbers for each of the 2 levels, got \[\[1, 1, 1\]\]"):
        ResidualUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 8), blocks=(1, 1), steps=((1, 1, 1),))
