import pytest
import torch

from medweave.models.blocks import DoubleConv, ResidualBlock
from medweave.models.decoders.unet import UNetDecoder


def _decoder(block="double_conv", strides=(1, 2, 4)):
    return UNetDecoder(channels=(4, 6, 8), strides=strides, spatial_dims=2, block=block, norm="batch")


def _pyramid():
    return [torch.randn(2, channels, size, size + 4 * size // 8) for channels, size in ((4, 16), (6, 8), (8, 4))]


def test_every_level_but_the_coarsest_is_decoded_finest_first():
    pyramid = _pyramid()
    assert [level.shape for level in _decoder()(pyramid)] == [level.shape for level in pyramid[:2]]


@pytest.mark.parametrize(("block", "kind"), [("double_conv", DoubleConv), ("residual", ResidualBlock)])
def test_the_blocks_are_of_the_kind_asked_for(block, kind):
    assert {type(layer) for layer in _decoder(block).blocks} == {kind}


def test_the_skip_comes_before_the_upsampled_features():
    decoder, pyramid = _decoder().eval(), _pyramid()
    joined = torch.cat((pyramid[1], decoder.upsamplings[1](pyramid[2])), dim=1)
    middle = decoder.blocks[1](joined)
    finest = decoder.blocks[0](torch.cat((pyramid[0], decoder.upsamplings[0](middle)), dim=1))
    assert all(torch.equal(one, other) for one, other in zip(decoder(pyramid), (finest, middle), strict=True))


def test_other_strides_are_refused():
    with pytest.raises(ValueError, match=r"strides 1, 2, 4, …; got \(2, 4, 4\)"):
        _decoder(strides=(2, 4, 4))
