"""The fusion of studies with one input."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from medweave.models.fusion.fusion import FUSIONS, Fusion


@FUSIONS.register("single")
class SingleFusion(Fusion):
    """Passes the only input's pyramid on.

    Args:
        channels: Channels of each level, by input.

    Raises:
        ValueError: There are several inputs.
    """

    def __init__(self, *, channels: Mapping[str, Sequence[int]]) -> None:
        super().__init__()
        if len(channels) != 1:
            message = f"fusion 'single' joins nothing, so it takes one input; got {', '.join(channels)}"
            raise ValueError(message)
        (self.input_name,) = channels
        self.out_channels = tuple(channels[self.input_name])

    def forward(self, pyramids: Mapping[str, Sequence[Tensor]], present: Mapping[str, Tensor]) -> list[Tensor]:  # noqa: ARG002 -- the only input is always there
        """Return the only pyramid."""
        return list(pyramids[self.input_name])
