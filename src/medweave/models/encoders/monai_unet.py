"""The contracting path of MONAI's UNet."""

from monai.networks.blocks.convolutions import ResidualUnit
from monai.networks.layers.factories import Dropout as DropoutFactory
from monai.networks.layers.factories import Norm as NormFactory
from torch import Tensor, nn

from medweave.models.batch_norm import BatchNorm2d, BatchNorm3d
from medweave.models.blocks import LevelChannels, Norm
from medweave.models.dropout import Dropout
from medweave.models.encoders.encoder import ENCODERS, Encoder, equal_strides, run_stages
from medweave.models.instance_norm import InstanceNorm2d, InstanceNorm3d
from medweave.models.prelu import PReLU


@ENCODERS.register("monai_unet")
class MonaiUNetEncoder(Encoder):
    """The residual units on the way down in `monai.networks.nets.UNet` (Kerfoot et al., STACOM 2018).

    Every level but the last halves the size, the first one included. With the default parameters, the head
    `monai_unet_decoder` and two output channels the network has 4,808,917 parameters for one input channel.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        channels: Channels of each level; the last is the bottleneck, at the stride of the one before.
        residual_units: Convolutions of each residual unit.
        norm: Kind of normalisation.
        dropout: Probability that an activation is set to zero.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        channels: LevelChannels = (16, 32, 64, 128, 256),
        residual_units: int = 2,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = tuple(channels)
        halvings = [*range(1, len(self.channels)), len(self.channels) - 1]
        self.strides = equal_strides(*(2**count for count in halvings), spatial_dims=spatial_dims)
        self.stages = nn.ModuleList(
            ResidualUnit(
                spatial_dims,
                before,
                after,
                strides=1 if level == len(self.channels) - 1 else 2,
                subunits=residual_units,
                act=(PReLU, {}),
                norm=monai_norm(norm),
                dropout=monai_dropout(dropout),
            )
            for level, (before, after) in enumerate(zip((in_channels, *self.channels), self.channels, strict=False))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        return run_stages(self.stages, image)


@NormFactory.factory_function("medweave_instance")  # type: ignore[untyped-decorator]
def _instance_norm(spatial_dims: int) -> type[nn.Module]:
    return InstanceNorm2d if spatial_dims == 2 else InstanceNorm3d


@NormFactory.factory_function("medweave_batch")  # type: ignore[untyped-decorator]
def _batch_norm(spatial_dims: int) -> type[nn.Module]:
    return BatchNorm2d if spatial_dims == 2 else BatchNorm3d


@DropoutFactory.factory_function("medweave_dropout")  # type: ignore[untyped-decorator]
def _dropout(_dropout_dims: int) -> type[nn.Module]:
    return Dropout


def monai_dropout(probability: float) -> tuple[str, dict[str, float]]:
    """Return MONAI's name and arguments of dropout."""
    return "medweave_dropout", {"p": probability}


def monai_norm(norm: Norm) -> tuple[str, dict[str, bool | int]]:
    """Return MONAI's name and arguments of a normalisation; its instance norm has no weights, as in its UNet."""
    if norm == "group":
        return "group", {"num_groups": 1}
    return f"medweave_{norm}", {}
