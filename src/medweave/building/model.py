"""From the recipe's model section to the network."""

from torch import nn

from medweave.building.components import build_component
from medweave.building.study import input_of_head
from medweave.models.encoders.encoder import ENCODERS
from medweave.models.features import FeatureChannels
from medweave.models.fusion.fusion import FUSIONS
from medweave.models.heads.head import HEADS
from medweave.models.multitask import MultiTaskModel
from medweave.recipes.schema import Recipe

#: Arguments of each kind of component that the builder gives.
ENCODER_ARGUMENTS = ("in_channels", "spatial_dims")
FUSION_ARGUMENTS = ("channels",)
HEAD_ARGUMENTS = ("channels", "strides", "structures", "spatial_dims", "sources", "make_fusion", "classes")


def build_model(recipe: Recipe) -> MultiTaskModel:
    """Build the network with fresh weights.

    Raises:
        ValueError: The parts do not fit together.
    """
    inputs = recipe.data.inputs
    for name in (*inputs, *recipe.data.heads):
        if "." in name or hasattr(nn.ModuleDict(), name):
            message = f"no input or head can be called {name!r}; choose another name"
            raise ValueError(message)
    encoders = {
        name: build_component(
            recipe.model.encoders[name], ENCODERS, in_channels=source.n_channels, spatial_dims=source.spatial_dims
        )
        for name, source in inputs.items()
    }
    drawn_on = {name: input_of_head(recipe, name)[0] for name in recipe.data.segmentation_heads}
    segmentation_heads = {
        name: build_component(
            recipe.model.heads[name],
            HEADS,
            channels=encoders[drawn_on[name]].channels,
            strides=encoders[drawn_on[name]].strides,
            structures=len(head.structures),
            spatial_dims=inputs[drawn_on[name]].spatial_dims,
        )
        for name, head in recipe.data.segmentation_heads.items()
    }
    sources = FeatureChannels(
        pyramids={name: encoder.channels for name, encoder in encoders.items()},
        decoded={name: head.decoded_channels for name, head in segmentation_heads.items()},
        activations={name: head.activation for name, head in segmentation_heads.items()},
        inputs=drawn_on,
    )
    classification_heads = {
        name: build_component(
            recipe.model.heads[name],
            HEADS,
            sources=sources,
            make_fusion=lambda channels: build_component(recipe.model.fusion, FUSIONS, channels=channels),
            classes=len(head.classes),
        )
        for name, head in recipe.network_classes.items()
    }
    return MultiTaskModel(
        encoders=encoders,
        segmentation_heads=segmentation_heads,
        classification_heads=classification_heads,
        drawn_on=drawn_on,
    )
