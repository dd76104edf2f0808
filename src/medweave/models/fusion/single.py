"""The fusion of studies with one input."""

from collections.abc import Mapping

from torch import Tensor

from medweave.models.fusion.fusion import FUSIONS, Fusion


@FUSIONS.register("single")
class SingleFusion(Fusion):
    """Passes the only input's vector on.

    Args:
        channels: Length of each input's vector.

    Raises:
        ValueError: There are several inputs.
    """

    def __init__(self, *, channels: Mapping[str, int]) -> None:
        super().__init__()
        if len(channels) != 1:
            message = f"fusion 'single' joins nothing, so it takes one input; got {', '.join(channels)}"
            raise ValueError(message)
        ((self.input_name, self.out_features),) = channels.items()

    def forward(self, vectors: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:  # noqa: ARG002 -- the only input is always there
        """Return the only vector."""
        return vectors[self.input_name]
