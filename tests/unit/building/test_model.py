import pytest
import torch
from monai.networks.nets import UNet

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.loader import load_recipe


def built(name: str, *overrides: str) -> MultiTaskModel:
    return build_model(complete_recipe(load_recipe(name, overrides), name))


@pytest.mark.parametrize(
    ("name", "parameters"), [("reference/heart_unet3d", 22_581_217), ("reference/heart_monai", 4_808_917)]
)
def test_reference_network_has_the_parameters_of_its_original(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = built(name)
    assert sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad) == parameters


def tensors_from_top_to_bottom(network: UNet) -> list[torch.Tensor]:
    """Return the weights of MONAI's nested UNet in medweave's order: all the way down, then the ways up, top first."""
    down, up, level = [], [], network.model
    while True:
        first, skip, last = level
        down += first.state_dict().values()
        up += last.state_dict().values()
        level = skip.submodule
        if not isinstance(level, torch.nn.Sequential) or len(level) != 3 or not hasattr(level[1], "submodule"):
            return [*down, *level.state_dict().values(), *up]


@pytest.mark.parametrize(("norm", "residual_units"), [("batch", 2), ("instance", 2), ("batch", 3)])
def test_s4_network_is_monais_unet(norm: str, residual_units: int) -> None:
    channels = (4, 6, 8, 10)
    torch.manual_seed(0)
    reference = UNet(3, 1, 2, channels, strides=(2, 2, 2), num_res_units=residual_units, norm=norm, dropout=0.2)
    model = built(
        "reference/heart_monai",
        f"model.encoders.mri={{name: monai_unet, channels: {list(channels)}, norm: {norm}, dropout: 0.2, "
        f"residual_units: {residual_units}}}",
        f"model.heads.heart={{name: monai_unet_decoder, norm: {norm}, dropout: 0.2, residual_units: {residual_units}}}",
    )
    for network in (model, reference):
        network.train()
    copied = tensors_from_top_to_bottom(reference)
    own = model.state_dict()
    assert [tuple(value.shape) for value in own.values()] == [tuple(value.shape) for value in copied]
    model.load_state_dict(dict(zip(own, copied, strict=True)))
    image = torch.randn(2, 1, 16, 24, 16)
    present = {"mri": torch.ones(2, dtype=torch.bool)}
    for network in (model, reference):
        network.eval()
    with torch.no_grad():
        (logits,) = model({"mri": image}, present)["heart"]
        torch.testing.assert_close(logits, reference(image))


def test_size_divisor_is_the_deepest_stride() -> None:
    with torch.device("meta"):
        assert built("heart").size_divisor == 16
        assert built("hippocampus").size_divisor == 8


def test_channels_and_structures_come_from_the_data_section() -> None:
    model = built(
        "hippocampus",
        "data.inputs.mri.channels=[image, flair]",
        "data.heads.hippocampus.structures={a: 1, b: 2, c: 5}",
        "model.encoders.mri.channels=[4,4]",
        "model.encoders.mri.blocks=[1,1]",
    ).eval()
    with torch.no_grad():
        (logits,) = model({"mri": torch.zeros(1, 2, 8, 8, 8)}, {"mri": torch.ones(1, dtype=torch.bool)})["hippocampus"]
    assert logits.shape == (1, 4, 8, 8, 8)
