import pytest
import torch
from monai.networks.nets import UNet

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


def test_an_encoder_whose_first_level_keeps_the_size_is_refused():
    with pytest.raises(ValueError, match=r"needs the encoder 'monai_unet'; got an encoder with strides \(1, 2, 4\)"):
        MonaiUNetDecoderHead(channels=(4, 6, 8), strides=(1, 2, 4), structures=1, spatial_dims=3)
