import pytest
import torch
from monai.networks.nets import UNet

from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.monai_unet import MonaiUNetEncoder, monai_norm


def test_the_first_level_halves_and_the_last_two_share_a_stride():
    encoder = MonaiUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 8, 16, 32))
    assert encoder.strides == equal_strides(2, 4, 8, 8, spatial_dims=3)
    assert encoder.channels == (4, 8, 16, 32)


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_the_way_down_is_monai_s(axes, norm):
    encoder = MonaiUNetEncoder(in_channels=1, spatial_dims=axes, channels=(4, 8, 16), residual_units=2, norm=norm)
    unet = UNet(axes, 1, 2, channels=(4, 8, 16), strides=(2, 2), num_res_units=2, norm=monai_norm(norm))
    first, second = unet.model[0], unet.model[1].submodule
    stages = [first, second[0], second[1].submodule]
    for own, original in zip(encoder.stages, stages, strict=True):
        own.load_state_dict(original.state_dict())
    image = torch.randn(2, 1, *[16] * axes)
    expected = [image]
    for stage in stages:
        expected.append(stage.eval()(expected[-1]))
    assert all(torch.equal(own, other) for own, other in zip(encoder.eval()(image), expected[1:], strict=True))


def test_dropout_acts_in_training_alone():
    encoder = MonaiUNetEncoder(in_channels=1, spatial_dims=2, channels=(4, 8), dropout=0.5, norm="instance")
    image = torch.randn(1, 1, 16, 16)
    assert not torch.equal(encoder.train()(image)[-1], encoder(image)[-1])
    assert torch.equal(encoder.eval()(image)[-1], encoder(image)[-1])


def test_monai_s_group_norm_has_one_group_and_its_instance_norm_no_weights():
    assert monai_norm("group") == ("group", {"num_groups": 1})
    encoder = MonaiUNetEncoder(in_channels=1, spatial_dims=2, channels=(4, 8), norm="instance")
    layers = [layer for layer in encoder.modules() if isinstance(layer, torch.nn.InstanceNorm2d)]
    assert len(layers) == 4
    assert all(layer.weight is None for layer in layers)
