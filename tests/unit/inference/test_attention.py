import numpy as np
import pytest
import torch
from monai.visualize import GradCAM
from torch import nn
from torch.nn import functional

from medweave.inference.attention import grad_cam
from medweave.models.encoders.residual_unet import ResidualUNetEncoder
from medweave.models.features import FeatureChannels
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead
from medweave.models.heads.tempered import TemperedHead
from medweave.models.heads.unet_decoder import UNetDecoderHead
from medweave.models.multitask import MultiTaskModel


@pytest.fixture
def model():
    return _model("bottleneck")


def _model(pool_from):
    torch.manual_seed(0)
    encoder = ResidualUNetEncoder(in_channels=1, spatial_dims=2, channels=(4, 6), blocks=(1, 1), norm="batch")
    masks = UNetDecoderHead(channels=encoder.channels, strides=encoder.strides, structures=1, spatial_dims=2)
    sources = FeatureChannels(
        pyramids={"a": (4, 6)}, decoded={"s": masks.decoded_channels}, activations={"s": "softmax"}, inputs={"s": "a"}
    )
    head = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: SingleFusion(channels=channels),
        classes=3,
        hidden=(5,),
        dropout=(0.0, 0.0),
        pool_from=pool_from,
    )
    return MultiTaskModel(
        encoders={"a": encoder}, segmentation_heads={"s": masks}, classification_heads={"c": head}, drawn_on={"s": "a"}
    )


def _expected(model, image, present, class_index):
    """Grad-CAM by its formula: features weighted by the mean gradient of the class's logit, positive part, enlarged."""
    model.eval()
    pyramids = model.encode({"a": image}, present)
    coarsest = pyramids["a"][-1].detach().requires_grad_()
    logit = model.answer({"a": [*pyramids["a"][:-1], coarsest]}, present)["c"][0][0, class_index]
    return _formula(logit, coarsest, image)


def _formula(logit, features, image):
    (gradient,) = torch.autograd.grad(logit, features, retain_graph=True)
    weighted = torch.relu((gradient.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True))
    enlarged = functional.interpolate(weighted, size=image.shape[2:], mode="bilinear", align_corners=False)
    return (enlarged / enlarged.max()).detach().numpy()[0, 0]


def test_the_map_is_the_gradient_weighted_features_positive_part(model):
    image, present = torch.randn(1, 1, 16, 12), {"a": torch.tensor([True])}
    maps = [grad_cam(model, {"a": image}, present, head="c", class_index=index)["a"] for index in range(3)]
    expected = [_expected(model, image, present, index) for index in range(3)]
    assert any(found.max() > 0 for found in maps)
    for found, wanted in zip(maps, expected, strict=True):
        assert found.shape == (16, 12)
        np.testing.assert_allclose(found, np.nan_to_num(wanted), atol=1e-5)


def test_a_head_that_pools_from_the_decoder_is_explained_by_the_decoded_features():
    model = _model("decoder").eval()
    image, present = torch.randn(1, 1, 16, 12), {"a": torch.tensor([True])}
    found = [grad_cam(model, {"a": image}, present, head="c", class_index=index)["a"] for index in range(3)]
    features = model.decode(model.encode({"a": image}, present), present)
    decoded = features.segmentations["s"].decoded.detach().requires_grad_()
    assert decoded.shape[2:] == (16, 12)  # finer than the encoder's coarsest features
    for index, heat in enumerate(found):
        logit = model.classification_heads["c"].classifier(decoded.mean(dim=(2, 3)))[0, index]
        np.testing.assert_allclose(heat, np.nan_to_num(_formula(logit, decoded, image)), atol=1e-5)
    assert any(heat.any() for heat in found)


def test_each_of_two_inputs_is_explained_by_what_the_head_pools_of_it():
    torch.manual_seed(0)
    encoders = {
        name: ResidualUNetEncoder(in_channels=1, spatial_dims=2, channels=(4, 6), blocks=(1, 1), norm="batch")
        for name in ("a", "b")
    }
    masks = UNetDecoderHead(
        channels=encoders["a"].channels, strides=encoders["a"].strides, structures=1, spatial_dims=2
    )
    sources = FeatureChannels(
        pyramids={"a": (4, 6), "b": (4, 6)},
        decoded={"s": masks.decoded_channels},
        activations={"s": "softmax"},
        inputs={"s": "a"},
    )
    head = PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: ConcatFusion(channels=channels),
        classes=3,
        hidden=(),
        dropout=(0.0,),
        pool_from="decoder",
    )
    model = MultiTaskModel(
        encoders=encoders,
        segmentation_heads={"s": masks},
        classification_heads={"c": TemperedHead(head, temperature=2.0)},
        drawn_on={"s": "a"},
    ).eval()
    images = {name: torch.randn(1, 1, 16, 12) for name in encoders}
    both = {name: torch.tensor([True]) for name in encoders}
    found = grad_cam(model, images, both, head="c", class_index=1)
    pyramids = model.encode(images, both)
    decoded = model.decode(pyramids, both).segmentations["s"].decoded.detach().requires_grad_()
    coarsest = pyramids["b"][-1].detach().requires_grad_()
    vectors = {"a": decoded.mean(dim=(2, 3)), "b": coarsest.mean(dim=(2, 3))}
    logit = head.classifier(head.fusion(vectors, both))[0, 1]
    for name, features in {"a": decoded, "b": coarsest}.items():
        np.testing.assert_allclose(found[name], np.nan_to_num(_formula(logit, features, images[name])), atol=1e-5)
    alone = grad_cam(model, images, both | {"b": torch.tensor([False])}, head="c", class_index=1)
    assert alone.keys() == {"a"}


def test_the_model_keeps_its_mode_and_gets_no_gradients(model):
    model.train()
    grad_cam(model, {"a": torch.randn(1, 1, 16, 12)}, {"a": torch.tensor([True])}, head="c", class_index=0)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_an_absent_input_has_no_map(model):
    assert (
        grad_cam(model, {"a": torch.zeros(1, 1, 16, 12)}, {"a": torch.tensor([False])}, head="c", class_index=0) == {}
    )


def test_decoders_run_only_for_heads_that_look_at_what_they_make(model):
    image, present = {"a": torch.randn(1, 1, 16, 12)}, {"a": torch.tensor([True])}
    for asked, decoded in ((model, 0), (_model("decoder"), 1)):
        calls = []
        asked.segmentation_heads["s"].register_forward_hook(lambda *_, calls=calls: calls.append("decoded"))
        grad_cam(asked, image, present, head="c", class_index=0)
        assert len(calls) == decoded


def test_each_input_is_encoded_once(model):
    calls = []
    model.encoders["a"].register_forward_hook(lambda *_: calls.append("encoded"))
    grad_cam(model, {"a": torch.randn(1, 1, 16, 12)}, {"a": torch.tensor([True])}, head="c", class_index=0)
    assert calls == ["encoded"]


def test_the_map_is_monai_s(model):
    """Of a layer through which the coarsest features pass."""

    class Tapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.tap = nn.Identity()

        def forward(self, image):
            *finer, coarsest = model.encode({"a": image}, present)["a"]
            return model.answer({"a": [*finer, self.tap(coarsest)]}, present)["c"][0]

    model.eval()
    image, present = torch.randn(1, 1, 16, 12), {"a": torch.tensor([True])}
    for index in range(3):
        raw = GradCAM(Tapped(), target_layers="tap", postprocessing=torch.relu)(image, class_idx=index)[0, 0]
        expected = np.asarray(torch.as_tensor(raw).detach())
        found = grad_cam(model, {"a": image}, present, head="c", class_index=index)["a"]
        np.testing.assert_allclose(found, expected / max(float(expected.max()), 1e-12), atol=1e-5)
