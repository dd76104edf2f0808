"""The expanding path of MONAI's UNet."""

from collections.abc import Sequence

import torch
from monai.networks.blocks.convolutions import Convolution, ResidualUnit
from torch import Tensor, nn

from medweave.models.blocks import Norm
from medweave.models.encoders.monai_unet import monai_dropout, monai_norm
from medweave.models.prelu import PReLU
from medweave.models.transposed_convolution import ConvTranspose2d, ConvTranspose3d


class MonaiUNetDecoder(nn.Module):
    """The strided transposed convolutions and residual units on the way up in `monai.networks.nets.UNet`.

    Args:
        channels: Channels of the pyramid's levels, finest first, the bottleneck last at the stride of the one before.
        out_channels: Channels of the result.
        spatial_dims: 2 or 3.
        residual_units: As in the encoder; 0 leaves the residual units out.
        norm: Kind of normalisation.
        dropout: Probability that an activation is set to zero.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int],
        out_channels: int,
        spatial_dims: int,
        residual_units: int,
        norm: Norm,
        dropout: float,
    ) -> None:
        super().__init__()
        below = [2 * count for count in channels[:-2]] + [channels[-2] + channels[-1]]
        above = [out_channels, *channels[:-2]]
        self.levels = nn.ModuleList(
            self._level(
                inputs,
                outputs,
                spatial_dims=spatial_dims,
                residual_units=residual_units,
                is_top=level == 0,
                norm=norm,
                dropout=dropout,
            )
            for level, (inputs, outputs) in enumerate(zip(below, above, strict=True))
        )

    @staticmethod
    def _level(
        inputs: int,
        outputs: int,
        *,
        spatial_dims: int,
        residual_units: int,
        is_top: bool,
        norm: Norm,
        dropout: float,
    ) -> nn.Module:
        transposed: nn.Module = Convolution(
            spatial_dims,
            inputs,
            outputs,
            strides=2,
            act=(PReLU, {}),
            norm=monai_norm(norm),
            dropout=monai_dropout(dropout),
            conv_only=is_top and residual_units == 0,
            is_transposed=True,
        )
        # Of MONAI's block only the layer's class is another: it adds no parameter.
        transposed.conv.__class__ = ConvTranspose2d if spatial_dims == 2 else ConvTranspose3d
        if residual_units == 0:
            return transposed
        unit = ResidualUnit(
            spatial_dims,
            outputs,
            outputs,
            strides=1,
            subunits=1,
            act=(PReLU, {}),
            norm=monai_norm(norm),
            dropout=monai_dropout(dropout),
            last_conv_only=is_top,
        )
        return nn.Sequential(transposed, unit)

    def forward(self, pyramid: Sequence[Tensor]) -> Tensor:
        """Return (B, out_channels, *spatial) at the input's resolution."""
        features = pyramid[-1]
        for level in reversed(range(len(self.levels))):
            features = self.levels[level](torch.cat((pyramid[level], features), dim=1))
        return features
