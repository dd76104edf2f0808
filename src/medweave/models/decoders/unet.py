"""The expanding path of the U-Net."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from monai.networks.layers.factories import Conv
from torch import Tensor, nn

from medweave.models.blocks import DoubleConv, Norm, ResidualBlock


class UNetDecoder(nn.Module):
    """Transposed convolutions, concatenation with the skip, and a block at each level.

    Args:
        channels: Channels of the pyramid's levels, finest first.
        strides: Strides of the levels; the finest must be 1 and each the double of the one before.
        spatial_dims: 2 or 3.
        block: "double_conv" (two plain convolutions) or "residual".
        norm: Kind of normalisation.

    Raises:
        ValueError: The strides are others.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[int],
        spatial_dims: int,
        block: Literal["double_conv", "residual"],
        norm: Norm,
    ) -> None:
        super().__init__()
        if list(strides) != [2**level for level in range(len(strides))]:
            message = f"this decoder needs an encoder with strides 1, 2, 4, …; got {tuple(strides)}"
            raise ValueError(message)
        transposed = Conv[Conv.CONVTRANS, spatial_dims]
        self.upsamplings = nn.ModuleList(
            transposed(coarse, fine, kernel_size=2, stride=2) for fine, coarse in pairwise(channels)
        )
        self.blocks = nn.ModuleList(
            DoubleConv(2 * fine, fine, norm=norm, spatial_dims=spatial_dims)
            if block == "double_conv"
            else ResidualBlock(2 * fine, fine, stride=1, norm=norm, spatial_dims=spatial_dims)
            for fine in channels[:-1]
        )

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Return the decoded features of every level but the coarsest, finest first."""
        features = pyramid[-1]
        decoded: list[Tensor] = []
        for level in reversed(range(len(pyramid) - 1)):
            joined = torch.cat((pyramid[level], self.upsamplings[level](features)), dim=1)
            features = self.blocks[level](joined)
            decoded.insert(0, features)
        return decoded
