import pytest
import torch
from monai.networks.nets import ResNet

from medweave.models.encoders.encoder import equal_strides
from medweave.models.encoders.resnet import ResNetEncoder

BLOCKS = {10: (1, 1, 1, 1), 18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def _monai(depth, axes):
    return ResNet(
        "bottleneck" if depth == 50 else "basic",
        list(BLOCKS[depth]),
        [64, 128, 256, 512],
        spatial_dims=axes,
        n_input_channels=3,
        conv1_t_stride=2,
        bias_downsample=False,
        num_classes=4,
    )


@pytest.mark.parametrize("depth", BLOCKS)
def test_the_depths_have_the_parameters_of_monai_s(depth):
    with torch.device("meta"):
        own, original = ResNetEncoder(in_channels=3, spatial_dims=2, depth=depth), _monai(depth, 2)
    shapes = [tuple(p.shape) for p in original.parameters()][:-2]  # without the linear layer
    assert [tuple(p.shape) for p in own.parameters()] == shapes


def test_resnet_18_and_50_have_the_parameters_of_the_paper_s():
    # torchvision's, less the linear layer to a thousand classes.
    with torch.device("meta"):
        counts = {
            depth: sum(p.numel() for p in ResNetEncoder(in_channels=3, spatial_dims=2, depth=depth).parameters())
            for depth in (18, 34, 50)
        }
    assert counts == {
        18: 11_689_512 - 512 * 1000 - 1000,
        34: 21_797_672 - 512 * 1000 - 1000,
        50: 25_557_032 - 2048 * 1000 - 1000,
    }


@pytest.mark.parametrize(("depth", "axes"), [(10, 3), (18, 2), (50, 2)])
def test_with_monai_s_weights_it_gives_monai_s_logits_and_the_pyramid_between(depth, axes):
    torch.manual_seed(0)
    original, encoder = _monai(depth, axes).eval(), ResNetEncoder(in_channels=3, spatial_dims=axes, depth=depth).eval()
    weights = list(original.state_dict().values())[:-2]
    encoder.load_state_dict(dict(zip(encoder.state_dict(), weights, strict=True)))
    size = (64, 32, 32)[:axes]
    image = torch.randn(1, 3, *size)
    with torch.no_grad():
        pyramid = encoder(image)
        torch.testing.assert_close(original.fc(pyramid[-1].flatten(2).mean(dim=2)), original(image))
    assert encoder.strides == equal_strides(2, 4, 8, 16, 32, spatial_dims=axes)
    widest = 4 if depth == 50 else 1
    assert encoder.channels == (64, *(widest * width for width in (64, 128, 256, 512)))
    assert [level.shape[1] for level in pyramid] == list(encoder.channels)


@pytest.mark.parametrize("depth", [10, 50])
def test_volumes_of_few_slices_are_encoded_with_steps_that_keep_them(depth):
    steps = ((2, 2, 1), (2, 2, 1), (2, 2, 2), (2, 2, 1), (2, 2, 1))
    encoder = ResNetEncoder(in_channels=1, spatial_dims=3, depth=depth, steps=steps)
    pyramid = encoder(torch.randn(1, 1, 64, 32, 6))
    assert [level.shape[2:] for level in pyramid] == [(32, 16, 6), (16, 8, 6), (8, 4, 3), (4, 2, 3), (2, 1, 3)]
    kernels = [encoder.stages[0][0].kernel_size, encoder.stages[1][1][0].conv2.kernel_size]
    assert kernels == [(7, 7, 1), (3, 3, 3)]


def test_gradients_pass_through_every_shortcut():
    encoder = ResNetEncoder(in_channels=1, spatial_dims=2, depth=18)
    shortcuts = [block.downsample for stage in encoder.stages[1:] for block in stage.modules() if _shortens(block)]
    assert len(shortcuts) == 3
    encoder(torch.randn(2, 1, 64, 64))[-1].square().sum().backward()
    assert all(shortcut[0].weight.grad.abs().sum() > 0 for shortcut in shortcuts)


def _shortens(block):
    return getattr(block, "downsample", None) is not None
