import pytest
import torch

from medweave.models.encoders.monai_unet import MonaiUNetEncoder
from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel


def _head(structures):
    return UNetDecoderHead(
        channels=(4, 8, 8), strides=(1, 2, 4), structures=structures, spatial_dims=3, deep_supervision=2
    )


@pytest.fixture
def model():
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=3, channels=(4, 8, 8))
    return MultiTaskModel(
        encoders={"mri": encoder},
        fusion=SingleFusion(channels={"mri": (4, 8, 8)}),
        heads={"heart": _head(1), "lung": _head(3)},
    )


def _run(model):
    return model({"mri": torch.randn(2, 1, 8, 12, 4)}, {"mri": torch.tensor([True, True])})


def test_every_head_answers_at_every_supervised_level_in_training(model):
    shapes = {name: [tuple(level.shape) for level in levels] for name, levels in _run(model.train()).items()}
    assert shapes == {
        "heart": [(2, 2, 8, 12, 4), (2, 2, 4, 6, 2)],
        "lung": [(2, 4, 8, 12, 4), (2, 4, 4, 6, 2)],
    }


def test_every_head_answers_once_in_evaluation(model):
    assert {name: len(levels) for name, levels in _run(model.eval()).items()} == {"heart": 1, "lung": 1}


def test_heads_share_the_encoder_and_have_weights_of_their_own(model):
    _run(model)["heart"][0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.encoders.parameters())
    assert all(parameter.grad is None for parameter in model.heads["lung"].parameters())


def test_the_size_divisor_is_the_largest_stride_of_any_encoder(model):
    assert model.size_divisor == 4
    deep = MonaiUNetEncoder(in_channels=1, spatial_dims=3, channels=(4, 4, 4, 4, 4))
    both = MultiTaskModel(encoders={"a": model.encoders["mri"], "b": deep}, fusion=model.fusion, heads={})
    assert both.size_divisor == 16
