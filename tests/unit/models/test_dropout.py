"""Dropout against its definition."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import medweave.models.dropout
from medweave.models.dropout import Dropout

LAYOUTS = pytest.mark.parametrize(
    ("shape", "memory"),
    [
        ((3, 5, 7, 11), torch.contiguous_format),
        ((2, 6, 9, 7), torch.channels_last),
        ((2, 4, 6, 5, 3), torch.channels_last_3d),
        ((4, 9), torch.contiguous_format),
    ],
)


@LAYOUTS
def test_zeroes_or_scales_and_lets_the_same_gradient_through(shape, memory) -> None:
    torch.manual_seed(0)
    features = (torch.rand(shape) + 1).contiguous(memory_format=memory).requires_grad_()
    dropped = Dropout(0.25)(features)
    dropped.backward(torch.full(shape, 3.0))
    kept = dropped != 0
    torch.testing.assert_close(dropped, torch.where(kept, features / 0.75, 0.0))
    torch.testing.assert_close(features.grad, torch.where(kept, 4.0, 0.0))
    assert dropped.is_contiguous(memory_format=memory)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_drops_the_share_that_it_is_told(probability) -> None:
    torch.manual_seed(0)
    count = 200_000
    dropped = (Dropout(probability)(torch.ones(count)) == 0).double()
    deviation = (probability * (1 - probability) / count) ** 0.5
    assert abs(dropped.mean().item() - probability) < 4 * deviation
    # Four neighbours share a draw of 64 bits: each must drop as often, and independently of the next.
    assert (dropped.view(-1, 4).mean(0) - probability).abs().max() < 4 * 2 * deviation
    assert abs(torch.corrcoef(dropped.view(-1, 4).T)[0, 1].item()) < 4 / (count / 4) ** 0.5


def test_follows_pytorchs_seed() -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(Dropout(0.5)(torch.ones(100)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_every_stream_has_draws_of_its_own_and_threads_change_none(monkeypatch) -> None:
    monkeypatch.setattr(medweave.models.dropout, "STREAM", 1000)
    draws = []
    for threads in (1, 2):
        monkeypatch.setattr(medweave.models.dropout, "_threads", lambda _, count=threads: ThreadPoolExecutor(count))
        torch.manual_seed(0)
        draws.append(Dropout(0.5)(torch.ones(4500)))
    assert torch.equal(*draws)
    assert 0.45 < (draws[0] == 0).double().mean() < 0.55
    parts = draws[0][:4000].view(4, 1000)
    assert (torch.corrcoef(parts) - torch.eye(4)).abs().max() < 4 / 1000**0.5


@pytest.mark.parametrize("layer", [Dropout(0.5).eval(), Dropout(0.0)])
def test_leaves_the_features_alone_in_evaluation_and_without_a_share(layer) -> None:
    features = torch.randn(2, 3)
    assert torch.equal(layer(features), features)


def test_keeps_the_number_format() -> None:
    dropped = Dropout(0.5)(torch.ones(64, dtype=torch.bfloat16))
    assert dropped.dtype == torch.bfloat16
    assert set(dropped.tolist()) == {0.0, 2.0}


def test_stays_pytorchs_dropout_in_an_export() -> None:
    exported = torch.export.export(Dropout(0.5), (torch.ones(4),))
    names = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert names == {"aten.dropout.default"}
    assert issubclass(Dropout, nn.Dropout)
