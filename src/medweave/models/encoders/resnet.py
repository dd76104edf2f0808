"""The feature pyramid of ResNets."""

from collections.abc import Sequence
from typing import Literal

from monai.networks.nets import ResNet
from monai.networks.nets.resnet import get_inplanes, resnet_params
from pydantic import PositiveInt
from torch import Tensor, nn

from medweave.models.blocks import level_kernels
from medweave.models.encoders.anisotropy import fit_level
from medweave.models.encoders.encoder import ENCODERS, Encoder, level_steps, run_stages, total_strides


@ENCODERS.register("resnet")
class ResNetEncoder(Encoder):
    """MONAI's ResNet (He et al., CVPR 2016) without its classifier, in 2D or 3D, with projected shortcuts.

    The levels are the first convolution and the four groups of blocks.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        depth: Layers: 10, 18 and 34 with basic blocks, 50 with bottlenecks.
        steps: Reduction at each of the five levels along each axis, for images with thick slices ([2, 2, 1], [2, 2, 1],
            [2, 2, 2], …); null: 2 along every axis. Kernels follow (`level_kernels`).
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        depth: Literal[10, 18, 34, 50] = 18,
        steps: Sequence[Sequence[PositiveInt]] | None = None,
    ) -> None:
        super().__init__()
        each = level_steps(steps, default=(2, 2, 2, 2, 2), spatial_dims=spatial_dims)
        block, layers, *_ = resnet_params[f"resnet{depth}"]
        network = ResNet(
            block,
            layers,
            get_inplanes(),
            spatial_dims=spatial_dims,
            n_input_channels=in_channels,
            conv1_t_stride=2,
            shortcut_type="B",  # "A" takes its input's `.data`, which cuts the gradient
            feed_forward=False,
            bias_downsample=False,
        )
        widths = [width * (4 if block == "bottleneck" else 1) for width in get_inplanes()]
        self.channels = (get_inplanes()[0], *widths)
        self.strides = total_strides(each)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(network.conv1, network.bn1, network.act),
                nn.Sequential(network.maxpool, network.layer1),
                network.layer2,
                network.layer3,
                network.layer4,
            ]
        )
        for stage, step, kernel in zip(self.stages, each, level_kernels(self.strides), strict=True):
            fit_level(stage, step=step, kernel=kernel)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        return run_stages(self.stages, image)
