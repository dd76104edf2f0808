import pytest
import torch

from medweave.models.heads.head import HEADS, SegmentationHead, logit_channels


def test_softmax_has_a_channel_of_the_background():
    assert logit_channels(3, "softmax") == 4
    assert logit_channels(3, "sigmoid") == 3


def test_the_registry_finds_the_heads_of_the_package():
    assert HEADS.names() == ["monai_unet_decoder", "unet_decoder"]


def test_a_head_must_say_how_it_answers():
    with pytest.raises(NotImplementedError):
        SegmentationHead()([torch.zeros(1)])
