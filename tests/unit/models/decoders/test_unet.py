import pytest
import torch

from medweave.models.blocks import DoubleConv, ResidualBlock
from medweave.models.decoders.unet import UNetDecoder
from medweave.models.encoders.encoder import equal_strides

#: Thick slices: the first two levels keep the third axis.
THICK = ((1, 1, 1), (2, 2, 1), (4, 4, 2))
FLAT = equal_strides(1, 2, 4, spatial_dims=2)


def _decoder(block="double_conv", strides=FLAT):
    return UNetDecoder(channels=(4, 6, 8), strides=strides, spatial_dims=len(strides[0]), block=block, norm="batch")


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


@pytest.mark.parametrize("block", ["double_conv", "residual"])
def test_anisotropic_levels_are_enlarged_by_their_own_steps(block):
    decoder = _decoder(block, THICK)
    pyramid = [torch.randn(1, count, *size) for count, size in ((4, (8, 12, 6)), (6, (4, 6, 6)), (8, (2, 3, 3)))]
    assert [layer.stride for layer in decoder.upsamplings] == [(2, 2, 1), (2, 2, 2)]
    assert [level.shape for level in decoder(pyramid)] == [level.shape for level in pyramid[:2]]


@pytest.mark.parametrize("block", ["double_conv", "residual"])
def test_slices_are_not_mixed_where_the_next_level_still_keeps_them(block):
    decoder = _decoder(block, THICK).eval()
    fine, middle, coarse = torch.randn(1, 4, 8, 8, 4), torch.randn(1, 6, 4, 4, 4), torch.randn(1, 8, 2, 2, 2)
    before = decoder([fine, middle, coarse])[0]
    fine[..., 0] += 1
    changed = (decoder([fine, middle, coarse])[0] - before).abs().amax(dim=(0, 1, 2, 3))
    assert changed[0] > 0
    assert torch.equal(changed[1:], torch.zeros(3))


@pytest.mark.parametrize("block", ["double_conv", "residual"])
def test_levels_that_begin_at_half_the_size_are_decoded_to_the_whole_without_a_skip(block):
    decoder = _decoder(block, equal_strides(2, 4, 8, spatial_dims=2)).eval()
    pyramid = _pyramid()
    finest, half, quarter = decoder(pyramid)
    assert decoder.channels == (2, 4, 6)
    assert [tuple(level.shape[1:]) for level in (finest, half, quarter)] == [(2, 32, 48), (4, 16, 24), (6, 8, 12)]
    assert torch.equal(finest, decoder.blocks[0](decoder.upsamplings[0](half)))


def test_levels_of_one_size_are_joined_without_enlarging():
    decoder = _decoder(strides=equal_strides(2, 4, 4, spatial_dims=2))
    pyramid = [torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4), torch.randn(1, 8, 4, 4)]
    assert [level.shape[2:] for level in decoder(pyramid)] == [(16, 16), (8, 8), (4, 4)]


def test_strides_that_do_not_divide_each_other_are_refused():
    message = r"strides divide each other; got \(\(1, 1\), \(2, 2\), \(4, 3\)\)"
    with pytest.raises(ValueError, match=message):
        _decoder(strides=((1, 1), (2, 2), (4, 3)))


def test_wide_encoders_are_decoded_in_as_many_channels_as_asked_for():
    decoder = UNetDecoder(
        channels=(4, 6, 8), strides=FLAT, spatial_dims=2, block="double_conv", norm="batch", max_channels=5
    )
    pyramid = _pyramid()
    assert decoder.channels == (4, 5)
    assert [level.shape[1] for level in decoder(pyramid)] == [4, 5]
    entering = [next(layer for layer in block.modules() if hasattr(layer, "in_channels")) for block in decoder.blocks]
    assert [layer.in_channels for layer in entering] == [4 + 4, 6 + 5]
