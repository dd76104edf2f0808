"""The feature pyramid of DenseNet-121."""

from collections.abc import Sequence
from typing import Annotated

from monai.networks.nets import DenseNet121
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import level_kernels
from medweave.models.encoders.anisotropy import fit_level
from medweave.models.encoders.encoder import ENCODERS, Encoder, level_steps, run_stages, total_strides


@ENCODERS.register("densenet121")
class DenseNet121Encoder(Encoder):
    """MONAI's DenseNet-121 (Huang et al., CVPR 2017) without its classifier, in 2D or 3D.

    The levels are the first convolution, the outputs of the first three dense blocks, and that of the fourth after the
    last normalisation and ReLU. With the head `pooled_mlp` without hidden layers it is DenseNet-121 itself: 11,269,701
    parameters in 3D for two channels and five classes.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        dropout: Probability that an activation of a dense layer is set to zero.
        steps: Reduction at each of the five levels along each axis, for images with thick slices ([2, 2, 1], [2, 2, 1],
            [2, 2, 2], …); null: 2 along every axis, so that each needs 32 voxels. Kernels follow (`level_kernels`).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        steps: Sequence[Sequence[PositiveInt]] | None = None,
    ) -> None:
        super().__init__()
        each = level_steps(steps, default=(2, 2, 2, 2, 2), spatial_dims=spatial_dims)
        self.channels = (64, 256, 512, 1024, 1024)
        self.strides = total_strides(each)
        layers = DenseNet121(spatial_dims, in_channels, out_channels=1, dropout_prob=dropout).features
        levels = [
            [layers.conv0, layers.norm0, layers.relu0],
            [layers.pool0, layers.denseblock1],
            [layers.transition1, layers.denseblock2],
            [layers.transition2, layers.denseblock3],
            [layers.transition3, layers.denseblock4, layers.norm5, nn.ReLU(inplace=True)],
        ]
        self.stages = nn.ModuleList(nn.Sequential(*level) for level in levels)
        for stage, step, kernel in zip(self.stages, each, level_kernels(self.strides), strict=True):
            fit_level(stage, step=step, kernel=kernel)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        return run_stages(self.stages, image)
