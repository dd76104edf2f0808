import inspect

import pytest
import torch

from medweave.models.encoders.encoder import ENCODERS

NAMES = ENCODERS.names()
#: Sizes in units of the deepest stride, every axis another one; smaller for networks that reduce much.
MULTIPLES = {2: (3, 5), 3: (3, 1, 2)}
FEWER_MULTIPLES = {2: (3, 1), 3: (2, 1, 1)}
CASES = [(name, axes) for name in NAMES for axes in (2, 3)]


def _small(name, axes, *, in_channels=2):
    torch.manual_seed(0)
    component = ENCODERS.get(name)
    small = {"channels": (4, 6, 8), "blocks": (1, 2, 1), "first_channels": 4, "depth": 10}
    taken = {key: value for key, value in small.items() if key in inspect.signature(component.__init__).parameters}
    return component(in_channels=in_channels, spatial_dims=axes, **taken)


def _image(encoder, axes, *, batch=2, channels=2):
    generator = torch.Generator().manual_seed(1)
    multiples = (MULTIPLES if max(encoder.strides[-1]) < 32 else FEWER_MULTIPLES)[axes]
    size = [multiple * step for multiple, step in zip(multiples, encoder.strides[-1], strict=True)]
    return torch.randn(batch, channels, *size, generator=generator)


def test_there_are_encoders() -> None:
    assert {"densenet121", "monai_unet", "residual_unet", "resnet", "segresnet", "unet3d"} <= set(NAMES)


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_the_pyramid_has_the_channels_and_strides_that_the_attributes_say(name, axes):
    encoder = _small(name, axes)
    image = _image(encoder, axes)
    pyramid = encoder(image)
    assert len(pyramid) == len(encoder.channels) == len(encoder.strides)
    for level, channels, stride in zip(pyramid, encoder.channels, encoder.strides, strict=True):
        assert level.shape == (2, channels, *(size // step for size, step in zip(image.shape[2:], stride, strict=True)))
    assert [list(column) for column in zip(*encoder.strides, strict=True)] == [
        sorted(column) for column in zip(*encoder.strides, strict=True)
    ]


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_gradients_reach_every_parameter_and_the_image(name, axes):
    encoder = _small(name, axes)
    image = _image(encoder, axes).requires_grad_()
    sum(level.square().sum() for level in encoder(image)).backward()
    assert [key for key, parameter in encoder.named_parameters() if parameter.grad is None] == []
    assert image.grad.abs().sum() > 0


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_one_seed_gives_one_encoder(name, axes):
    first, second = _small(name, axes).eval(), _small(name, axes).eval()
    image = _image(first, axes)
    assert all(torch.equal(one, other) for one, other in zip(first(image), second(image), strict=True))


@pytest.mark.parametrize(("name", "axes"), CASES)
def test_samples_do_not_see_each_other_in_evaluation(name, axes):
    encoder = _small(name, axes).eval()
    image = _image(encoder, axes)
    alone = encoder(image[:1])
    assert all(torch.allclose(one, both[:1], atol=1e-5) for one, both in zip(alone, encoder(image), strict=True))


@pytest.mark.parametrize(("name", "axes"), CASES)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_any_number_of_channels_goes_in(name, axes, in_channels):
    encoder = _small(name, axes, in_channels=in_channels)
    assert len(encoder(_image(encoder, axes, channels=in_channels))) == len(encoder.channels)
