import pytest
import torch
from monai.networks.nets import DenseNet121, UNet
from torch import nn

from medweave.building.check import complete_recipe, read_recipe
from medweave.building.model import build_model
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.loader import load_recipe


def built(name: str, *overrides: str) -> MultiTaskModel:
    return build_model(complete_recipe(load_recipe(name, overrides), name))


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("reference/chest_xray_multitask", 6_643_510),
        ("reference/vessel_multimodal", 25_312_008),
        ("reference/heart_unet3d", 22_581_217),
        ("reference/heart_monai", 4_808_917),
    ],
)
def test_reference_network_has_the_parameters_of_its_original(name: str, parameters: int) -> None:
    with torch.device("meta"):
        model = built(name)
    assert parameters_of(model) == parameters


def test_s0_network_classifies_with_the_parameters_of_densenet() -> None:
    with torch.device("meta"):
        model = built("reference/cardiac_multitask")
    assert parameters_of(model.encoders) + parameters_of(model.classification_heads) == 11_269_701
    assert parameters_of(model) == 21_900_265


@pytest.mark.parametrize(
    ("recipe", "size"),
    [
        ("reference/cardiac_multitask", "preprocessing.cine.size_voxels=[32,32,32]"),
        ("reference/vessel_multimodal", "preprocessing.vw_mri.resize_voxels=[32,32,32]"),
    ],
)
def test_the_faithful_networks_of_densenet_learn_from_a_batch(recipe: str, size: str) -> None:
    """Of S2's three inputs one is in no case and one in the first alone."""
    torch.manual_seed(0)
    complete = read_recipe(recipe, [size])
    model = build_model(complete).train()
    names = list(complete.data.inputs)
    images = {
        name: torch.randn(2, source.n_channels, *((32,) * 3 if source.spatial_dims == 3 else (64, 64)))
        for name, source in complete.data.inputs.items()
    }
    flags = [(True, True), (True, False), (False, False)]
    present = {name: torch.tensor(flags[position]) for position, name in enumerate(names)}
    logits = model(images, present)
    loss = sum(found[0].float().square().mean() for found in logits.values())
    loss.backward()
    reached = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)
    assert {name for name, _ in model.named_parameters()} - reached == {
        f"encoders.{name}.{key}"
        for name in names
        if not any(flags[names.index(name)])
        for key, _ in model.encoders[name].named_parameters()
    }


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
    copy_weights(model, tensors_from_top_to_bottom(reference))
    image = torch.randn(2, 1, 16, 24, 16)
    present = {"mri": torch.ones(2, dtype=torch.bool)}
    for network in (model, reference):
        network.eval()
    with torch.no_grad():
        (logits,) = model({"mri": image}, present)["heart"]
        torch.testing.assert_close(logits, reference(image))


def copy_weights(model: MultiTaskModel, *originals: nn.Module | list[torch.Tensor]) -> None:
    """Give a model the weights of originals, in order."""
    copied = [
        tensor
        for original in originals
        for tensor in (original if isinstance(original, list) else original.state_dict().values())
    ]
    own = model.state_dict()
    assert [tuple(value.shape) for value in own.values()] == [tuple(value.shape) for value in copied]
    model.load_state_dict(dict(zip(own, copied, strict=True)))


def test_s1_network_is_monais_unet_with_its_two_heads() -> None:
    torch.manual_seed(0)
    unet = UNet(2, 3, 64, (32, 64, 128, 256, 512), strides=(2, 2, 2, 2), num_res_units=2, norm="batch", dropout=0.1)
    lungs = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 1, 1))
    diagnosis = nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(64, 256), nn.ReLU(), nn.BatchNorm1d(256),
        nn.Dropout(0.3), nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128),
        nn.Dropout(0.2), nn.Linear(128, 4),
    )  # fmt: skip
    model = built("reference/chest_xray_multitask")
    copy_weights(model, tensors_from_top_to_bottom(unet), lungs, diagnosis)
    for network in (model, unet, lungs, diagnosis):
        network.eval()
    image = torch.randn(2, 3, 48, 80)
    with torch.no_grad():
        answers = model({"radiograph": image}, {"radiograph": torch.ones(2, dtype=torch.bool)})
        decoded = unet(image)
        torch.testing.assert_close(answers["segmentation"], [lungs(decoded)])
        torch.testing.assert_close(answers["classification"], [diagnosis(decoded)])


def test_s2_network_is_three_densenets_whose_logits_are_classified() -> None:
    torch.manual_seed(0)
    networks = {name: DenseNet121(axes, 1, 2) for name, axes in (("vw_mri", 3), ("regular_mri", 2), ("ct", 2))}
    classifier = nn.Sequential(
        nn.Linear(6, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(256, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 2),
    )  # fmt: skip
    model = built("reference/vessel_multimodal")
    features = [network.features for network in networks.values()]
    copy_weights(model, *features, *(network.class_layers for network in networks.values()), classifier)
    for network in (model, classifier, *networks.values()):
        network.eval()
    images = {name: torch.randn(2, 1, *[32] * (3 if name == "vw_mri" else 2)) for name in networks}
    present = {name: torch.ones(2, dtype=torch.bool) for name in networks}
    with torch.no_grad():
        logits = torch.cat([network(images[name]) for name, network in networks.items()], dim=1)
        torch.testing.assert_close(model(images, present)["plaque"], [classifier(logits)])


def test_each_input_has_the_divisors_of_its_encoder() -> None:
    with torch.device("meta"):
        assert built("heart").size_divisors == {"mri": (16, 16, 16)}
        assert built("cardiac").size_divisors == {"cine": (16, 16, 2)}
        assert built("multimodal_mri").size_divisors == dict.fromkeys(("flair", "pre", "post"), (8, 8, 8))


def test_each_classification_head_has_a_fusion_of_its_own() -> None:
    overrides = ["data.heads.second={kind: classification, classes: [a, b, c]}", "losses.second=cross_entropy"]
    with torch.device("meta"):
        model = built("multimodal_mri", *overrides, "model.heads.second={name: pooled_mlp}")
    first, second = model.classification_heads.values()
    assert first.fusion is not second.fusion
    assert second.classifier[-1].out_features == 3


@pytest.mark.parametrize("name", ["type", "training", "t1.post"])
@pytest.mark.parametrize("section", ["inputs", "heads"])
def test_a_name_that_a_network_s_part_cannot_have_is_refused(section: str, name: str) -> None:
    recipe = load_recipe("heart_small", ())
    entries = getattr(recipe.data, section)
    data = recipe.data.model_copy(update={section: {name: next(iter(entries.values()))}})
    with pytest.raises(ValueError, match=f"no input or head can be called {name!r}; choose another name"):
        build_model(recipe.model_copy(update={"data": data}))


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
