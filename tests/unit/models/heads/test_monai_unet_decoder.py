import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.monai_unet import MonaiUNetEncoder
from medweave.models.heads.monai_unet_decoder import MonaiUNetDecoderHead


@pytest.mark.parametrize(("activation", "channels"), [("softmax", 3), ("sigmoid", 2)])
def test_encoder_and_head_have_the_parameters_of_monai_s_unet(activation, channels):
    with torch.device("meta"):
        encoder = MonaiUNetEncoder(in_channels=1, spatial_dims=3)
        head = MonaiUNetDecoderHead(
            channels=encoder.channels, strides=encoder.strides, structures=2, spatial_dims=3, activation=activation
        )
        unet = UNet(3, 1, channels, channels=(16, 32, 64, 128, 256), strides=(2,) * 4, num_res_units=2, norm="batch")
    own = sorted(tuple(p.shape) for module in (encoder, head) for p in module.parameters())
    assert own == sorted(tuple(p.shape) for p in unet.parameters())
    assert head.decoded_channels == channels


def _head(**parameters):
    return MonaiUNetDecoderHead(
        channels=(4, 6, 8),
        strides=equal_strides(2, 4, 4, spatial_dims=2),
        structures=1,
        spatial_dims=2,
        activation="sigmoid",
        **parameters,
    )


def test_without_channels_of_their_own_the_decoded_features_are_the_logits():
    output = _head()([torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4), torch.randn(1, 8, 4, 4)])
    assert torch.equal(output.logits[0], output.decoded)


def test_decoded_features_are_turned_into_logits_by_the_layers_of_the_chest_x_ray_system():
    head = _head(decoded_channels=64).eval()
    layers = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 1, 1)).eval()
    layers.load_state_dict(head.projection.state_dict())
    assert sum(parameter.numel() for parameter in head.projection.parameters()) == 18_561
    output = head([torch.randn(1, 4, 8, 8), torch.randn(1, 6, 4, 4), torch.randn(1, 8, 4, 4)])
    assert output.decoded.shape == (1, head.decoded_channels, 16, 16) == (1, 64, 16, 16)
    assert torch.allclose(output.logits[0], layers(output.decoded), atol=1e-6)


@pytest.mark.parametrize("strides", [(1, 2, 4), (2, 4, 8)])
def test_another_encoder_is_refused(strides):
    message = r"needs the encoder 'monai_unet'; got an encoder with strides \(\("
    with pytest.raises(ValueError, match=message):
        MonaiUNetDecoderHead(
            channels=(4, 6, 8), strides=equal_strides(*strides, spatial_dims=3), structures=1, spatial_dims=3
        )
