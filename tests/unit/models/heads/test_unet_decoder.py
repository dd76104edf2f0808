import pytest
import torch

from medweave.models.encoders.encoder import equal_strides
from medweave.models.heads.unet_decoder import UNetDecoderHead


def _head(**parameters):
    strides = equal_strides(1, 2, 4, spatial_dims=2)
    return UNetDecoderHead(channels=(4, 6, 8), strides=strides, structures=2, spatial_dims=2, **parameters)


def _pyramid():
    return [torch.randn(2, channels, size, size) for channels, size in ((4, 16), (6, 8), (8, 4))]


def test_the_logits_are_a_pointwise_projection_of_the_decoded_features():
    head, pyramid = _head().eval(), _pyramid()
    projection, features = head.projections[0], head.decoder(pyramid)[0]
    expected = torch.einsum("oc,bcxy->boxy", projection.weight[:, :, 0, 0], features) + projection.bias[:, None, None]
    output = head(pyramid)
    assert torch.allclose(output.logits[0], expected, atol=1e-6)
    assert torch.equal(output.decoded, features)
    assert head.decoded_channels == 4


def test_deep_supervision_gives_logits_of_coarser_levels_in_training_alone():
    head = _head(deep_supervision=2)
    assert [level.shape for level in head.train()(_pyramid()).logits] == [(2, 3, 16, 16), (2, 3, 8, 8)]
    assert [level.shape for level in head.eval()(_pyramid()).logits] == [(2, 3, 16, 16)]


def test_deep_supervision_follows_anisotropic_strides_that_begin_at_two():
    strides = ((2, 2, 1), (4, 4, 1), (8, 8, 2))
    head = UNetDecoderHead(
        channels=(4, 6, 8), strides=strides, structures=1, spatial_dims=3, deep_supervision=3, norm="instance"
    )
    pyramid = [torch.randn(1, count, *size) for count, size in ((4, (8, 12, 6)), (6, (4, 6, 6)), (8, (2, 3, 3)))]
    assert [level.shape[2:] for level in head(pyramid).logits] == [(16, 24, 6), (8, 12, 6), (4, 6, 6)]


@pytest.mark.parametrize("levels", [0, 3])
def test_more_supervised_levels_than_are_decoded_are_refused(levels):
    with pytest.raises(ValueError, match=f"deep_supervision must be from 1 to 2, got {levels}"):
        _head(deep_supervision=levels)
