import pytest
import torch

from medweave.core.errors import UsageError
from medweave.models.encoders.encoder import ENCODERS, Encoder


def test_the_registry_finds_the_encoders_of_the_package_and_suggests():
    assert ENCODERS.names() == ["monai_unet", "residual_unet", "unet3d"]
    with pytest.raises(UsageError, match=r"unknown encoder 'unet3'.* Did you mean 'unet3d'"):
        ENCODERS.get("unet3")


def test_an_encoder_must_say_how_it_encodes():
    with pytest.raises(NotImplementedError):
        Encoder()(torch.zeros(1))
