"""The fusion contract and its registry."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from medweave.core.registry import Registry


class Fusion(nn.Module):
    """Joins the pyramids of the inputs into one.

    A constructor takes `channels` (of each input's levels), which the builder gives, and its own parameters.

    Attributes:
        out_channels: Channels of the joined pyramid's levels.
    """

    out_channels: tuple[int, ...]

    def forward(self, pyramids: Mapping[str, Sequence[Tensor]], present: Mapping[str, Tensor]) -> list[Tensor]:
        """Join pyramids.

        Args:
            pyramids: Of each input, finest level first.
            present: (B,) bool for each input; where False, the input's features must not matter.
        """
        raise NotImplementedError


FUSIONS: Registry[type[Fusion]] = Registry("fusion", home="medweave.models.fusion")
