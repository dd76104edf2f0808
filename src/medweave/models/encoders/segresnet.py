"""The feature pyramid of SegResNet."""

import math
from collections.abc import Sequence

from monai.networks.nets.segresnet_ds import SegResEncoder
from pydantic import PositiveInt
from torch import Tensor

from medweave.models.blocks import Norm
from medweave.models.encoders.encoder import ENCODERS, Encoder, level_steps, total_strides


@ENCODERS.register("segresnet")
class SegResNetEncoder(Encoder):
    """MONAI's encoder of SegResNet (Myronenko, BrainLes 2018): pre-activated residual blocks, strided convolutions.

    Args:
        in_channels: Channels of the input.
        spatial_dims: 2 or 3.
        first_channels: Channels of the first level; each level has twice as many as the one before.
        blocks: Residual blocks of each level.
        norm: Kind of normalisation; "group" has eight groups.
        steps: Reduction at each level along each axis, for images with thick slices; the first must be 1. null: 2 along
            every axis from the second level on. Kernels do not look along an axis that the next level keeps.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        spatial_dims: int,
        first_channels: PositiveInt = 32,
        blocks: Sequence[PositiveInt] = (1, 2, 2, 4),
        norm: Norm = "group",
        steps: Sequence[Sequence[PositiveInt]] | None = None,
    ) -> None:
        super().__init__()
        each = level_steps(steps, default=(1, *[2] * (len(blocks) - 1)), spatial_dims=spatial_dims)
        if max(each[0]) > 1:
            message = (
                f"the first level of segresnet keeps the input's size, so the first step is 1, got {list(each[0])}"
            )
            raise ValueError(message)
        self.channels = tuple(first_channels * 2**level for level in range(len(blocks)))
        self.strides = total_strides(each)
        groups = {"num_groups": math.gcd(8, first_channels)}
        self.levels = SegResEncoder(
            spatial_dims,
            init_filters=first_channels,
            in_channels=in_channels,
            norm=("group", groups) if norm == "group" else norm,
            blocks_down=tuple(blocks),
            # Of each level to the next; that of the last only says that its kernels are whole.
            anisotropic_scales=(*each[1:], (2,) * spatial_dims),
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the feature pyramid of an image (B, C, *spatial)."""
        pyramid: list[Tensor] = self.levels(image)
        return pyramid
