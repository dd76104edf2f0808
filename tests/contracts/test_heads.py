import pytest
import torch

from medweave.models.encoders.encoder import equal_strides
from medweave.models.features import FeatureChannels, Features, SegmentationOutput
from medweave.models.fusion.concat import ConcatFusion
from medweave.models.heads.head import HEADS

SEGMENTATION = [name for name in HEADS.names() if HEADS.get(name).kind == "segmentation"]
CLASSIFICATION = [name for name in HEADS.names() if HEADS.get(name).kind == "classification"]
#: Strides of an encoder that a head works with.
STRIDES = {"monai_unet_decoder": (2, 4, 4), "unet_decoder": (1, 2, 4)}
CHANNELS = (4, 6, 8)
CASES = [(name, axes, activation) for name in SEGMENTATION for axes in (2, 3) for activation in ("softmax", "sigmoid")]


def _head(name, axes, activation, **parameters):
    torch.manual_seed(0)
    return HEADS.get(name)(
        channels=CHANNELS,
        strides=equal_strides(*STRIDES.get(name, (1, 2, 4)), spatial_dims=axes),
        structures=3,
        spatial_dims=axes,
        activation=activation,
        **parameters,
    )


def _pyramid(name, axes, size=(12, 20, 4)):
    generator = torch.Generator().manual_seed(1)
    return [
        torch.randn(2, channels, *(count // stride for count in size[:axes]), generator=generator).requires_grad_()
        for channels, stride in zip(CHANNELS, STRIDES.get(name, (1, 2, 4)), strict=True)
    ]


def test_there_are_heads() -> None:
    assert {"monai_unet_decoder", "unet_decoder"} <= set(SEGMENTATION)
    assert "pooled_mlp" in CLASSIFICATION


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
@pytest.mark.parametrize("is_training", [True, False])
def test_logits_have_the_input_s_size_and_the_background_only_with_softmax(name, axes, activation, is_training):
    head = _head(name, axes, activation).train(is_training)
    output = head(_pyramid(name, axes))
    assert head.activation == activation
    size = (12, 20, 4)[:axes]
    assert [level.shape for level in output.logits] == [(2, 4 if activation == "softmax" else 3, *size)]
    assert output.decoded.shape == (2, head.decoded_channels, *size)


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_logits_are_not_activated(name, axes, activation):
    head = _head(name, axes, activation)
    logits = head([100 * level for level in _pyramid(name, axes)]).logits[0]
    assert logits.min() < 0
    assert not torch.allclose(logits.sum(dim=1), torch.ones(()))


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_gradients_reach_every_parameter_and_every_level(name, axes, activation):
    head, pyramid = _head(name, axes, activation), _pyramid(name, axes)
    sum(level.square().sum() for level in head(pyramid).logits).backward()
    assert [key for key, parameter in head.named_parameters() if parameter.grad is None] == []
    assert all(level.grad.abs().sum() > 0 for level in pyramid)


@pytest.mark.parametrize("name", SEGMENTATION)
def test_one_seed_gives_one_segmentation(name):
    first, second = (_head(name, 3, "softmax").eval()(_pyramid(name, 3)).logits[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", SEGMENTATION)
def test_levels_whose_strides_do_not_divide_are_refused(name):
    with pytest.raises(ValueError, match=r"decoder needs .*encoder.*got"):
        HEADS.get(name)(channels=CHANNELS, strides=equal_strides(1, 2, 3, spatial_dims=3), structures=1, spatial_dims=3)


def _sources():
    """The widths of one volume with a segmentation head and one picture without."""
    return FeatureChannels(
        pyramids={"mri": CHANNELS, "ct": CHANNELS},
        decoded={"heart": 5},
        activations={"heart": "softmax"},
        inputs={"heart": "mri"},
    )


def _classifier(name):
    torch.manual_seed(0)
    return HEADS.get(name)(sources=_sources(), make_fusion=lambda channels: ConcatFusion(channels=channels), classes=3)


def _features(batch=4):
    generator = torch.Generator().manual_seed(1)

    def maps(channels, *size):
        return torch.randn(batch, channels, *size, generator=generator).requires_grad_()

    return Features(
        pyramids={
            "mri": [maps(count, size, size, 4) for count, size in zip(CHANNELS, (8, 4, 2), strict=True)],
            "ct": [maps(count, size, size) for count, size in zip(CHANNELS, (8, 4, 2), strict=True)],
        },
        segmentations={"heart": SegmentationOutput([maps(3, 8, 8, 4)], maps(5, 8, 8, 4))},
        present={"mri": torch.ones(batch, dtype=torch.bool), "ct": torch.ones(batch, dtype=torch.bool)},
    )


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_classification_gives_one_logit_a_class_that_is_not_activated(name):
    logits = _classifier(name).eval()(_features())
    assert logits.shape == (4, 3)
    assert logits.min() < 0
    assert not torch.allclose(logits.sum(dim=1), torch.ones(()))


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_gradients_reach_every_parameter_of_a_classification_and_every_input(name):
    head, features = _classifier(name), _features()
    head(features).square().sum().backward()
    assert [key for key, parameter in head.named_parameters() if parameter.grad is None] == []
    assert all(
        any(level.grad is not None and level.grad.abs().sum() > 0 for level in levels)
        for levels in features.pyramids.values()
    )


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_classification_of_a_sample_in_evaluation_does_not_depend_on_the_others(name):
    head, features = _classifier(name).eval(), _features()
    alone = Features(
        pyramids={key: [level[1:2] for level in levels] for key, levels in features.pyramids.items()},
        segmentations={
            key: SegmentationOutput([level[1:2] for level in output.logits], output.decoded[1:2])
            for key, output in features.segmentations.items()
        },
        present={key: flags[1:2] for key, flags in features.present.items()},
    )
    assert torch.allclose(head(alone), head(features)[1:2], atol=1e-6)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_a_training_batch_of_one_sample_is_classified(name):
    head = _classifier(name).train()
    assert torch.isfinite(head(_features(batch=1))).all()
