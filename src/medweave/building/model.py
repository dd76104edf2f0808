"""From the recipe's model section to the network."""

from medweave.building.components import build_component
from medweave.models.encoders.encoder import ENCODERS
from medweave.models.fusion.fusion import FUSIONS
from medweave.models.heads.head import HEADS
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.schema import Recipe

#: Arguments of each kind of component that the builder gives.
ENCODER_ARGUMENTS = ("in_channels", "spatial_dims")
FUSION_ARGUMENTS = ("channels",)
HEAD_ARGUMENTS = ("channels", "strides", "structures", "spatial_dims")


def build_model(recipe: Recipe) -> MultiTaskModel:
    """Build the network with fresh weights.

    Raises:
        ValueError: The parts do not fit together.
    """
    inputs = recipe.data.inputs
    encoders = {
        name: build_component(
            component,
            ENCODERS,
            in_channels=len(inputs[name].channels),
            spatial_dims=inputs[name].spatial_dims,
        )
        for name, component in recipe.model.encoders.items()
    }
    fusion = build_component(
        recipe.model.fusion, FUSIONS, channels={name: encoder.channels for name, encoder in encoders.items()}
    )
    first = next(iter(encoders))
    heads = {
        name: build_component(
            component,
            HEADS,
            channels=fusion.out_channels,
            strides=encoders[first].strides,
            structures=len(recipe.data.heads[name].structures),
            spatial_dims=inputs[first].spatial_dims,
        )
        for name, component in recipe.model.heads.items()
    }
    return MultiTaskModel(encoders=encoders, fusion=fusion, heads=heads)
