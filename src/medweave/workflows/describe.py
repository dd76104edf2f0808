"""Describing recipes' networks and the registered components."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medweave.building.check import REGISTRIES, read_recipe
from medweave.building.components import Parameter, parameter_table
from medweave.building.model import build_model


@dataclass(frozen=True)
class Layer:
    """A layer of a network: its dotted name, the shape of its result and its own parameters."""

    name: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class NetworkDescription:
    """The layers of a network in the order in which they run.

    Attributes:
        layers: Those with parameters.
        parameters: Trainable parameters in all.
        input: Shape of the input that the outputs belong to.
    """

    layers: tuple[Layer, ...]
    parameters: int
    input: tuple[int, ...]


@dataclass(frozen=True)
class ComponentDescription:
    """A registered component.

    Attributes:
        name: That a recipe gives.
        summary: What it is.
        parameters: Those that a recipe may set.
        plugin: Module of the plug-in that it comes from, None where it is built in.
    """

    name: str
    summary: str
    parameters: Mapping[str, Parameter]
    plugin: str | None = None


def run(recipe_source: str | Path) -> NetworkDescription:
    """Describe the network of a recipe, run on a small input without data or memory (PyTorch's meta device).

    Raises:
        RecipeError: The recipe has problems.
    """
    recipe = read_recipe(recipe_source)
    with torch.device("meta"):
        model = build_model(recipe).eval()
    layers: list[Layer] = []

    def record(name: str) -> Any:
        def hook(module: nn.Module, _inputs: object, output: Tensor) -> None:
            own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
            layers.append(Layer(name, tuple(output.shape), own))

        return hook

    for name, module in model.named_modules():
        if next(module.parameters(recurse=False), None) is not None:
            module.register_forward_hook(record(name))
    images = {
        name: torch.zeros((1, source.n_channels, *(4 * step for step in model.size_divisors[name])), device="meta")
        for name, source in recipe.data.inputs.items()
    }
    model(images, {name: torch.ones(1, dtype=torch.bool, device="meta") for name in images})
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return NetworkDescription(tuple(layers), trainable, tuple(next(iter(images.values())).shape))


def components() -> dict[str, list[ComponentDescription]]:
    """Describe every registered component that a recipe may name, by kind."""
    return {
        kind: [
            ComponentDescription(
                name,
                (inspect.getdoc(registry.get(name)) or "").split("\n")[0],
                parameter_table(registry.get(name), given=given),
                registry.plugin_module(name),
            )
            for name in registry.names()
        ]
        for kind, (registry, given) in REGISTRIES.items()
    }
