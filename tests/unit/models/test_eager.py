"""Whether a layer may use its own arithmetic."""

import torch
from torch import Tensor, nn

from medweave.models.eager import is_eager_on_cpu


class _Asks(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features + float(is_eager_on_cpu(features))


def test_a_layer_that_runs_on_a_cpu_may() -> None:
    assert _Asks()(torch.zeros(1)).item() == 1


def test_an_exported_or_traced_layer_may_not() -> None:
    features = torch.zeros(1)
    assert torch.export.export(_Asks(), (features,)).module()(features).item() == 0


def test_another_device_may_not() -> None:
    assert not is_eager_on_cpu(torch.zeros(1, device="meta"))
