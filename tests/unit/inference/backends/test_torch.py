import os

import numpy as np
import pytest
import torch
from torch import nn

from medweave.inference.backends.torch import (
    TorchBackend,
    avoid_faulty_amx_kernels,
    channels_last,
    to_channels_last,
)
from medweave.models.encoders.unet3d import UNet3DEncoder
from medweave.models.features import FeatureChannels
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoder = UNet3DEncoder(in_channels=1, spatial_dims=3, channels=(4, 8))
    head = UNetDecoderHead(channels=(4, 8), strides=((1, 1, 1), (2, 2, 2)), structures=1, spatial_dims=3)
    sources = FeatureChannels(pyramids={"a": (4, 8)}, decoded={"h": 4}, activations={"h": "softmax"}, inputs={"h": "a"})
    classifier = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: SingleFusion(channels=channels),
        classes=3,
        hidden=(6,),
        dropout=(0.5, 0.5),
    )
    return MultiTaskModel(
        encoders={"a": encoder},
        segmentation_heads={"h": head},
        classification_heads={"c": classifier},
        drawn_on={"h": "a"},
    )


def _batch(size=8):
    return np.random.default_rng(0).normal(size=(2, 1, size, size, size)).astype(np.float32)


def _run(backend, batch):
    return _run_heads(backend, batch)["h"]


def _run_heads(backend, batch):
    return backend({"a": batch}, {"a": np.ones(len(batch), np.bool_)})


def test_the_logits_are_the_model_s_in_evaluation_mode(model):
    batch = _batch()
    logits = _run_heads(TorchBackend(model.train(), precision="float32"), batch)
    with torch.inference_mode():
        expected = model.eval()({"a": torch.from_numpy(batch)}, {"a": torch.tensor([True, True])})
    shapes = {"h": (2, 2, 8, 8, 8), "c": (2, 3), "features.a": (2, 8)}
    assert {name: values.shape for name, values in logits.items()} == shapes
    for name in ("h", "c"):
        assert logits[name] == pytest.approx(expected[name][0].numpy(), abs=1e-5)
        assert logits[name].dtype == np.float32


def test_the_features_are_the_mean_of_the_encoder_s_coarsest_level(model):
    batch = _batch()
    features = _run_heads(TorchBackend(model, precision="float32"), batch)["features.a"]
    with torch.inference_mode():
        coarsest = model.eval().encoders["a"](torch.from_numpy(batch))[-1]
    assert features == pytest.approx(coarsest.mean(dim=(2, 3, 4)).numpy(), abs=1e-6)


@pytest.mark.parametrize("is_training", [True, False])
def test_the_model_is_left_in_its_mode(model, is_training):
    model.train(is_training)
    statistics = {name: buffer.clone() for name, buffer in model.named_buffers()}
    _run(TorchBackend(model, precision="float32"), _batch())
    assert model.training is is_training
    assert all(torch.equal(buffer, statistics[name]) for name, buffer in model.named_buffers())


def test_bfloat16_gives_nearly_the_same_float32_logits(model):
    logits = _run(TorchBackend(model, precision="bfloat16"), _batch())
    assert logits.dtype == np.float32
    assert logits == pytest.approx(_run(TorchBackend(model, precision="float32"), _batch()), abs=0.05)


def test_mirrored_and_read_only_arrays_are_taken(model):
    backend, batch = TorchBackend(model, precision="float32"), _batch()
    frozen = batch.copy()
    frozen.setflags(write=False)
    assert np.array_equal(_run(backend, frozen), _run(backend, batch))
    mirrored = _run(backend, np.flip(batch, 2))
    assert mirrored == pytest.approx(_run(backend, np.flip(batch, 2).copy()), abs=1e-6)


def test_the_size_divisors_are_the_model_s(model):
    assert TorchBackend(model, precision="float32").size_divisors == {"a": (2, 2, 2)}


def test_every_kernel_is_moved_to_channels_last_in_2d_and_3d():
    model = to_channels_last(nn.ModuleList([nn.Conv2d(4, 8, 3), nn.Conv3d(4, 8, 3), nn.Linear(4, 8)]))
    assert model[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert model[1].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert not model[0].weight.is_contiguous()
    assert not model[1].weight.is_contiguous()
    assert model[2].weight.is_contiguous()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dims", [2, 3])
def test_a_convolution_answers_channels_last_to_one_channel_too(dims, channels):
    image = torch.randn((2, channels, 6, 5, 4)[: dims + 2])
    arranged = channels_last(image)
    convolution = (nn.Conv2d, nn.Conv3d)[dims - 2](channels, 4, 3)
    assert torch.equal(arranged, image)
    torch.testing.assert_close(convolution(arranged), convolution(image))
    memory = (torch.channels_last, torch.channels_last_3d)[dims - 2]
    assert convolution(arranged).is_contiguous(memory_format=memory)


def test_a_processor_limit_of_the_environment_is_kept(monkeypatch):
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    avoid_faulty_amx_kernels()
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    avoid_faulty_amx_kernels()
    assert os.environ["ONEDNN_MAX_CPU_ISA"] == "AVX512_CORE_FP16"
