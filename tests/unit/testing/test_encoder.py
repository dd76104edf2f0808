import pytest
import torch
from torch import nn

from medweave.models.encoders.encoder import ENCODERS, Encoder
from medweave.testing.encoder import EncoderContract

TESTS = [name for name in vars(EncoderContract) if name.startswith("test_") and "any_number" not in name]


class Halving(Encoder):
    def __init__(self, *, in_channels: int, spatial_dims: int) -> None:
        super().__init__()
        self.channels, self.strides = (4,), ((2,) * spatial_dims,)
        self.layer = (nn.Conv2d if spatial_dims == 2 else nn.Conv3d)(in_channels, 4, 2, stride=2)

    def forward(self, image):
        return [self.layer(image)]


class OfThreeChannels(Halving):
    def __init__(self, *, in_channels: int, spatial_dims: int) -> None:
        super().__init__(in_channels=3, spatial_dims=spatial_dims)


class Undivided(Halving):
    def forward(self, image):
        return [self.layer(image.repeat_interleave(2, dim=2))]


class Growing(Halving):
    def __init__(self, *, in_channels: int, spatial_dims: int) -> None:
        super().__init__(in_channels=in_channels, spatial_dims=spatial_dims)
        self.channels, self.strides = (4, 4), ((2,) * spatial_dims, (1,) * spatial_dims)

    def forward(self, image):
        levels = super().forward(image)
        return [*levels, *levels]


class WithAnIdleLayer(Halving):
    def __init__(self, *, in_channels: int, spatial_dims: int) -> None:
        super().__init__(in_channels=in_channels, spatial_dims=spatial_dims)
        self.idle = nn.Linear(1, 1)


class Noisy(Halving):
    def forward(self, image):
        return [level + torch.randn_like(level) for level in super().forward(image)]


class AcrossSamples(Halving):
    def forward(self, image):
        return super().forward(image - image.mean(dim=0, keepdim=True))


@pytest.fixture
def contract(monkeypatch):
    """Make the contract of an encoder."""

    def make(component):
        ENCODERS.names()
        monkeypatch.setitem(ENCODERS._components, "mine", component)
        return type("Mine", (EncoderContract,), {"name": "mine"})()

    return make


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("name", TESTS)
def test_a_sound_encoder_passes(name, axes, contract):
    getattr(contract(Halving), name)(axes, {})


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Undivided, "test_the_pyramid_has_the_channels_and_strides_that_the_attributes_say"),
        (Growing, "test_strides_grow_along_every_axis"),
        (WithAnIdleLayer, "test_gradients_reach_every_parameter_and_the_image"),
        (Noisy, "test_one_seed_gives_one_encoder"),
        (AcrossSamples, "test_samples_do_not_see_each_other_in_evaluation"),
    ],
)
def test_a_fault_is_found_by_its_test(component, name, contract):
    with pytest.raises(AssertionError):
        getattr(contract(component), name)(2, {})


def test_an_encoder_of_one_number_of_channels_fails(contract):
    contract(Halving).test_any_number_of_channels_goes_in(3, {}, 1)
    with pytest.raises(RuntimeError, match="channels"):
        contract(OfThreeChannels).test_any_number_of_channels_goes_in(3, {}, 1)


def test_it_is_repeated_in_the_numbers_of_axes_that_the_encoder_can_do(contract):
    assert contract(Halving).cases == (2, 3)
