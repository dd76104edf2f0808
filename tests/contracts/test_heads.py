import pytest
import torch

from medweave.models.heads.head import HEADS

NAMES = HEADS.names()
#: Strides of an encoder that a head works with.
STRIDES = {"monai_unet_decoder": (2, 4, 4), "unet_decoder": (1, 2, 4)}
CHANNELS = (4, 6, 8)
CASES = [(name, axes, activation) for name in NAMES for axes in (2, 3) for activation in ("softmax", "sigmoid")]


def _head(name, axes, activation, **parameters):
    torch.manual_seed(0)
    return HEADS.get(name)(
        channels=CHANNELS,
        strides=STRIDES.get(name, (1, 2, 4)),
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
    assert {"monai_unet_decoder", "unet_decoder"} <= set(NAMES)


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
@pytest.mark.parametrize("is_training", [True, False])
def test_logits_have_the_input_s_size_and_the_background_only_with_softmax(name, axes, activation, is_training):
    head = _head(name, axes, activation).train(is_training)
    logits = head(_pyramid(name, axes))
    assert head.activation == activation
    assert [level.shape for level in logits] == [(2, 4 if activation == "softmax" else 3, *(12, 20, 4)[:axes])]


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_logits_are_not_activated(name, axes, activation):
    head = _head(name, axes, activation)
    logits = head([100 * level for level in _pyramid(name, axes)])[0]
    assert logits.min() < 0
    assert not torch.allclose(logits.sum(dim=1), torch.ones(()))


@pytest.mark.parametrize(("name", "axes", "activation"), CASES)
def test_gradients_reach_every_parameter_and_every_level(name, axes, activation):
    head, pyramid = _head(name, axes, activation), _pyramid(name, axes)
    sum(level.square().sum() for level in head(pyramid)).backward()
    assert [key for key, parameter in head.named_parameters() if parameter.grad is None] == []
    assert all(level.grad.abs().sum() > 0 for level in pyramid)


@pytest.mark.parametrize("name", NAMES)
def test_one_seed_gives_one_head(name):
    first, second = (_head(name, 3, "softmax").eval()(_pyramid(name, 3))[0] for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", NAMES)
def test_an_encoder_with_other_strides_is_refused(name):
    with pytest.raises(ValueError, match=r"decoder needs .*encoder.*got"):
        HEADS.get(name)(channels=CHANNELS, strides=(1, 3, 9), structures=1, spatial_dims=3)
