"""The expanding path of the U-Net."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from medweave.models.blocks import Axes, DoubleConv, Norm, ResidualBlock, level_kernels
from medweave.models.transposed_convolution import ConvTranspose2d, ConvTranspose3d


class UNetDecoder(nn.Module):
    """Transposed convolutions, concatenation with the skip, and a block at each level.

    Where the finest level is smaller than the input, a last block without a skip works at the input's resolution.

    Args:
        channels: Channels of the pyramid's levels, finest first.
        strides: Reduction of the levels along each axis; each a multiple of the one before.
        spatial_dims: 2 or 3.
        block: "double_conv" (two plain convolutions) or "residual".
        norm: Kind of normalisation.
        max_channels: Of a decoded level, which otherwise has as many as the encoder's; None for any number.

    Raises:
        ValueError: A stride is no multiple of the one before.

    Attributes:
        channels: Channels of the decoded levels, finest first.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        strides: Sequence[Axes],
        spatial_dims: int,
        block: Literal["double_conv", "residual"],
        norm: Norm,
        max_channels: int | None = None,
    ) -> None:
        super().__init__()
        if any(far % near for fine, coarse in pairwise(strides) for near, far in zip(fine, coarse, strict=True)):
            message = f"this decoder needs an encoder whose strides divide each other; got {tuple(strides)}"
            raise ValueError(message)
        levels = list(zip(channels, strides, strict=True))
        self.skips = [*channels[:-1]]
        whole = (1,) * spatial_dims
        if tuple(strides[0]) != whole:
            levels.insert(0, (max(channels[0] // 2, 1), whole))
            self.skips.insert(0, 0)
        if max_channels is not None:
            levels[:-1] = [(min(count, max_channels), stride) for count, stride in levels[:-1]]
        self.channels = tuple(count for count, _ in levels[:-1])
        kernels = level_kernels([tuple(stride) for _, stride in levels])
        transposed: Callable[..., nn.Module] = ConvTranspose2d if spatial_dims == 2 else ConvTranspose3d
        self.upsamplings = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for (fine, near), (coarse, far), skip, kernel in zip(levels, levels[1:], self.skips, kernels, strict=False):
            step = tuple(big // small for big, small in zip(far, near, strict=True))
            self.upsamplings.append(transposed(coarse, fine, kernel_size=step, stride=step))
            self.blocks.append(
                DoubleConv(skip + fine, fine, norm=norm, spatial_dims=spatial_dims, kernel=kernel)
                if block == "double_conv"
                else ResidualBlock(skip + fine, fine, stride=1, norm=norm, spatial_dims=spatial_dims, kernel=kernel)
            )

    def forward(self, pyramid: Sequence[Tensor]) -> list[Tensor]:
        """Return the decoded features of every level but the coarsest, finest first."""
        features = pyramid[-1]
        finer = [None] * (len(self.blocks) - len(pyramid) + 1) + list(pyramid[:-1])
        decoded: list[Tensor] = []
        for level in reversed(range(len(self.blocks))):
            upsampled = self.upsamplings[level](features)
            skip = finer[level]
            features = self.blocks[level](upsampled if skip is None else torch.cat((skip, upsampled), dim=1))
            decoded.insert(0, features)
        return decoded
