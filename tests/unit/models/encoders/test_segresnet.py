import pytest
import torch
from monai.networks.nets import SegResNet

from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.segresnet import SegResNetEncoder


def _weights(original):
    """Return the weights of the way down of MONAI's SegResNet in the encoder's order."""
    stages = [original.convInit.state_dict()]
    downs = [layers[0].state_dict() for layers in original.down_layers]
    for level, layers in enumerate(original.down_layers):
        # A block's state begins with its two normalisations; the encoder's has them before their convolutions.
        for block in layers[1:]:
            state = block.state_dict()
            keys = (
                "norm1.weight",
                "norm1.bias",
                "conv1.conv.weight",
                "norm2.weight",
                "norm2.bias",
                "conv2.conv.weight",
            )
            stages.append({key: state[key] for key in keys})
        if level + 1 < len(downs):
            stages.append(downs[level + 1])
    return [value for state in stages for value in state.values()]


@pytest.mark.parametrize(("axes", "first_channels"), [(2, 8), (3, 8), (2, 16)])
def test_with_segresnet_s_weights_it_gives_what_segresnet_hands_to_its_decoder(axes, first_channels):
    torch.manual_seed(0)
    original = SegResNet(spatial_dims=axes, init_filters=first_channels, in_channels=3)
    encoder = SegResNetEncoder(in_channels=3, spatial_dims=axes, first_channels=first_channels)
    encoder.load_state_dict(dict(zip(encoder.state_dict(), _weights(original), strict=True)))
    image = torch.randn(2, 3, *(16, 24, 8)[:axes])
    _, expected = original.encode(image)
    for own, other in zip(encoder(image), expected, strict=True):
        torch.testing.assert_close(own, other)


def test_levels_double_their_channels_and_halve_their_size():
    encoder = SegResNetEncoder(in_channels=1, spatial_dims=3, first_channels=4, blocks=(1, 1, 1))
    assert encoder.channels == (4, 8, 16)
    assert encoder.strides == equal_strides(1, 2, 4, spatial_dims=3)


@pytest.mark.parametrize(("norm", "kind"), [("batch", "BatchNorm3d"), ("instance", "InstanceNorm3d")])
def test_other_norms_have_weights_too(norm, kind):
    encoder = SegResNetEncoder(in_channels=1, spatial_dims=3, first_channels=4, blocks=(1, 1), norm=norm)
    layers = [layer for layer in encoder.modules() if type(layer).__name__ == kind]
    assert len(layers) == 4
    assert all(layer.weight is not None for layer in layers)


@pytest.mark.parametrize(("first_channels", "groups"), [(32, 8), (4, 4), (12, 4), (5, 1)])
def test_eight_groups_or_as_many_as_divide(first_channels, groups):
    encoder = SegResNetEncoder(in_channels=1, spatial_dims=2, first_channels=first_channels, blocks=(1, 1))
    assert {layer.num_groups for layer in encoder.modules() if isinstance(layer, torch.nn.GroupNorm)} == {groups}


def test_volumes_of_few_slices_are_encoded_with_steps_that_keep_them():
    steps = ((1, 1, 1), (2, 2, 1), (2, 2, 2))
    encoder = SegResNetEncoder(in_channels=1, spatial_dims=3, first_channels=4, blocks=(1, 1, 1), steps=steps).eval()
    image = torch.randn(1, 1, 8, 8, 6)
    before = encoder(image)
    assert [level.shape[2:] for level in before] == [(8, 8, 6), (4, 4, 6), (2, 2, 3)]
    assert encoder.strides == ((1, 1, 1), (2, 2, 1), (4, 4, 2))
    kernels = [level["blocks"][0].conv1.kernel_size for level in encoder.levels.layers]
    assert kernels == [(3, 3, 1), (3, 3, 3), (3, 3, 3)]


def test_a_first_level_that_shrinks_is_refused():
    with pytest.raises(ValueError, match=r"the first step is 1, got \[2, 2\]"):
        SegResNetEncoder(in_channels=1, spatial_dims=2, blocks=(1, 1), steps=((2, 2), (2, 2)))
