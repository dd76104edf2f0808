from medweave.models.encoders.encoder import ENCODERS
from medweave.testing.encoder import EncoderContract

CHANNELS = (4, 6, 8)


def test_every_encoder_is_tested(tested_names) -> None:
    assert tested_names == set(ENCODERS.names())


class TestDenseNet121(EncoderContract):
    name = "densenet121"


class TestMonaiUNet(EncoderContract):
    name = "monai_unet"
    parameters = ({"channels": CHANNELS},)


class TestResidualUNet(EncoderContract):
    name = "residual_unet"
    parameters = ({"channels": CHANNELS, "blocks": (1, 2, 1)},)


class TestResNet(EncoderContract):
    name = "resnet"
    parameters = ({"depth": 10},)


class TestSegResNet(EncoderContract):
    name = "segresnet"
    parameters = ({"first_channels": 4, "blocks": (1, 2, 1)},)


class TestUNet3D(EncoderContract):
    name = "unet3d"
    parameters = ({"channels": CHANNELS},)
