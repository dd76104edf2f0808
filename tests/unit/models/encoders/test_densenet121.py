import pytest
import torch
from monai.networks.nets import DenseNet121

from medweave.models.encoders.densenet121 import DenseNet121Encoder
from medweave.models.encoders.encoder import equal_strides
from medweave.models.features import FeatureChannels, Features
from medweave.models.fusion.single import SingleFusion
from medweave.models.heads.pooled_mlp import PooledMLPHead

THICK = ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 2), (2, 2, 1))


def _classifier(encoder, classes):
    sources = FeatureChannels(pyramids={"mri": encoder.channels}, decoded={}, activations={}, inputs={})
    return PooledMLPHead(
        sources=sources,
        make_fusion=lambda channels: SingleFusion(channels=channels),
        classes=classes,
        hidden=(),
        dropout=(0.0,),
    )


@pytest.mark.parametrize(
    ("axes", "in_channels", "classes", "parameters"),
    [(3, 2, 5, 11_269_701), (2, 1, 2, 6_949_634)],
)
def test_with_a_linear_classifier_it_has_the_parameters_of_densenet(axes, in_channels, classes, parameters):
    with torch.device("meta"):
        encoder = DenseNet121Encoder(in_channels=in_channels, spatial_dims=axes)
        head = _classifier(encoder, classes)
        original = DenseNet121(axes, in_channels, classes)
    counts = [sum(p.numel() for p in network.parameters()) for network in (encoder, head, original)]
    assert counts[0] + counts[1] == counts[2] == parameters


@pytest.mark.parametrize(("axes", "size"), [(2, (64, 96)), (3, (32, 32, 32))])
def test_with_monai_s_weights_it_gives_monai_s_logits_and_the_pyramid_between(axes, size):
    torch.manual_seed(0)
    original = DenseNet121(axes, 2, 5)
    encoder = DenseNet121Encoder(in_channels=2, spatial_dims=axes)
    head = _classifier(encoder, 5)
    weights = original.features.state_dict().values()
    encoder.load_state_dict(dict(zip(encoder.state_dict(), weights, strict=True)))
    head.classifier[-1].load_state_dict(original.class_layers.out.state_dict())
    for network in (original, encoder, head):
        network.eval()
    image = torch.randn(2, 2, *size)
    with torch.no_grad():
        pyramid = encoder(image)
        logits = head(Features({"mri": pyramid}, {}, {"mri": torch.ones(2, dtype=torch.bool)}))
        torch.testing.assert_close(logits, original(image))
    assert encoder.strides == equal_strides(2, 4, 8, 16, 32, spatial_dims=axes)
    assert [tuple(level.shape[1:]) for level in pyramid] == [
        (channels, *(count // stride for count in size))
        for channels, stride in zip((64, 256, 512, 1024, 1024), (2, 4, 8, 16, 32), strict=True)
    ]
    assert pyramid[0].min() == pyramid[-1].min() == 0  # both end with ReLU


@pytest.mark.parametrize("slices", [4, 8, 12])
def test_volumes_of_few_slices_are_encoded_with_steps_that_keep_them(slices):
    encoder = DenseNet121Encoder(in_channels=2, spatial_dims=3, steps=THICK).train()
    assert encoder.strides == ((2, 2, 1), (4, 4, 1), (8, 8, 2), (16, 16, 4), (32, 32, 4))
    pyramid = encoder(torch.randn(2, 2, 32, 32, slices))
    assert [level.shape[2:] for level in pyramid] == [
        (16, 16, slices), (8, 8, slices), (4, 4, slices // 2), (2, 2, slices // 4), (1, 1, slices // 4)
    ]  # fmt: skip


def test_kernels_do_not_look_along_slices_that_the_next_level_keeps():
    encoder = DenseNet121Encoder(in_channels=1, spatial_dims=3, steps=THICK).eval()
    image = torch.randn(1, 1, 32, 32, 4)
    before = encoder(image)[0]
    image[..., 0] += 1
    changed = (encoder(image)[0] - before).abs().amax(dim=(0, 1, 2, 3))
    assert changed[0] > 0
    assert torch.equal(changed[1:], torch.zeros(3))


def test_dropout_acts_in_training_alone():
    image = torch.randn(2, 1, 32, 64)
    encoder = DenseNet121Encoder(in_channels=1, spatial_dims=2, dropout=0.5)
    assert not torch.equal(encoder.train()(image)[1], encoder(image)[1])
    assert torch.equal(encoder.eval()(image)[1], encoder(image)[1])


def test_a_step_for_each_axis_of_each_level_is_wanted():
    with pytest.raises(ValueError, match=r"steps must hold 3 numbers for each of the 5 levels, got \[\[2, 2\]\]"):
        DenseNet121Encoder(in_channels=1, spatial_dims=3, steps=((2, 2),))
