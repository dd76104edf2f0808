import torch

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.recipes.loader import load_recipe
from medweave.workflows import describe


def test_parameters_of_the_layers_are_those_of_the_network() -> None:
    description = describe.run("reference/heart_unet3d")
    assert description.parameters == 22_581_217
    assert sum(layer.parameters for layer in description.layers) == 22_581_217
    assert description.input == (1, 1, 64, 64, 64)


def test_layers_have_the_shapes_of_their_results_in_the_order_of_the_run() -> None:
    layers = describe.run("reference/heart_unet3d").layers
    assert layers[0].name == "encoders.mri.stages.0.0"
    assert layers[0].output == (1, 32, 64, 64, 64)
    assert layers[0].parameters == 32 * 27 + 32
    assert layers[-1].name == "segmentation_heads.heart.projections.0"
    assert layers[-1].output == (1, 1, 64, 64, 64)
    deepest = [layer for layer in layers if layer.output[1:] == (512, 4, 4, 4)]
    assert len(deepest) == 4  # two convolutions, each with its normalisation


def test_description_is_of_the_network_that_is_trained() -> None:
    with torch.device("meta"):
        model = build_model(complete_recipe(load_recipe("hippocampus"), "hippocampus"))
    expected = {name for name, part in model.named_modules() if next(part.parameters(recurse=False), None) is not None}
    assert {layer.name for layer in describe.run("hippocampus").layers} == expected


def test_every_component_has_a_summary_and_its_defaults() -> None:
    found = describe.components()
    assert list(found) == [
        *("layouts", "encoders", "fusions", "heads", "losses", "augmentations", "optimizers", "schedulers"),
        *("measurements", "measurement_classifiers"),
    ]
    entries = [entry for kind in found.values() for entry in kind]
    assert len(entries) > 20
    assert [entry.name for entry in entries if not entry.summary.endswith(".")] == []
    adam = next(entry for entry in found["optimizers"] if entry.name == "adam")
    assert {name: entry.default for name, entry in adam.parameters.items()} == {
        "lr": 1e-4,
        "weight_decay": 0.0,
        "amsgrad": False,
    }
    assert adam.parameters["amsgrad"].meaning == "Use the AMSGrad variant (Reddi et al., ICLR 2018)."
    encoder = next(entry for entry in found["encoders"] if entry.name == "unet3d")
    assert encoder.parameters["channels"].default == (32, 64, 128, 256, 512)
