import pytest
import torch

from medweave.models.features import Features
from medweave.models.heads.head import HEADS, ClassificationHead, SegmentationHead, logit_channels


def test_softmax_has_a_channel_of_the_background():
    assert logit_channels(3, "softmax") == 4
    assert logit_channels(3, "sigmoid") == 3


def test_the_registry_finds_the_heads_of_the_package():
    assert HEADS.names() == ["monai_unet_decoder", "pooled_mlp", "unet_decoder"]


def test_a_head_must_say_how_it_answers():
    with pytest.raises(NotImplementedError):
        SegmentationHead()([torch.zeros(1)])
    with pytest.raises(NotImplementedError):
        ClassificationHead()(Features({}, {}, {}))


def test_the_kinds_are_those_of_a_recipe_s_tasks():
    assert (SegmentationHead.kind, ClassificationHead.kind) == ("segmentation", "classification")
