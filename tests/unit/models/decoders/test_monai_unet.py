import pytest
import torch
from monai.networks.nets import UNet

from medweave.models.decoders.monai_unet import MonaiUNetDecoder


@pytest.mark.parametrize("units", [0, 2])
@pytest.mark.parametrize("axes", [2, 3])
def test_the_way_up_is_monai_s(axes, units):
    unet = UNet(axes, 1, 3, channels=(4, 8, 16), strides=(2, 2), num_res_units=units, norm="batch").eval()
    decoder = MonaiUNetDecoder(
        channels=(4, 8, 16), out_channels=3, spatial_dims=axes, residual_units=units, norm="batch", dropout=0.0
    ).eval()
    inner = unet.model[1].submodule
    for level, original in zip(decoder.levels, (unet.model[2], inner[2]), strict=True):
        level.load_state_dict(original.state_dict())
    image = torch.randn(1, 1, *[16] * axes)
    fine = unet.model[0](image)
    middle = inner[0](fine)
    bottom = inner[1].submodule(middle)
    assert torch.equal(decoder([fine, middle, bottom]), unet(image))
