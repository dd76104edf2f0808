import pytest

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
