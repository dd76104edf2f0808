"""Normalisation, dropout and PReLU against PyTorch's and against their definitions."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from monai.networks.blocks import Convolution, acti_norm

import medweave.models.adn
from medweave.models.adn import ADN, quicken

LAYOUTS = pytest.mark.parametrize(
    ("shape", "memory"),
    [
        ((3, 5, 7, 11), torch.contiguous_format),
        ((2, 6, 9, 7), torch.channels_last),
        ((2, 4, 6, 5, 3), torch.channels_last_3d),
        ((2, 4, 6, 5, 3), torch.contiguous_format),
        ((2, 1, 4, 4), torch.channels_last),
    ],
)


def unit(kind=ADN, *, dropout: float, slope: float = 0.2, norm=None, channels: int = 4, dims: int = 2):
    return kind(
        in_channels=channels, act=("prelu", {"init": slope}), norm=norm, norm_dim=dims, dropout=dropout, dropout_dim=1
    )


def without_norm(dropout: float, *, slope: float = 0.2) -> ADN:
    layer = unit(dropout=dropout, slope=slope)
    layer.N = torch.nn.Identity()
    return layer


@pytest.fixture
def small_blocks(monkeypatch) -> None:
    """Streams and blocks that small features fill more than once, the last ones in part."""
    monkeypatch.setattr(medweave.models.adn, "STREAM", 256)
    monkeypatch.setattr(medweave.models.adn, "BLOCK", 64)


@LAYOUTS
@pytest.mark.parametrize("slope", [0.25, 1.0, 1.5, 0.011, 0.0, -0.5])
@pytest.mark.usefixtures("small_blocks")
def test_without_dropout_equals_pytorch_forwards_and_backwards(shape, memory, slope) -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(shape, generator=generator).contiguous(memory_format=memory)
    towards = torch.randn(shape, generator=generator)  # not always in the memory format of the features
    results = []
    for kind in (ADN, acti_norm.ADN):
        layer = unit(kind, dropout=0.0, slope=slope, norm="batch", channels=shape[1], dims=len(shape) - 2)
        leaf = features.clone(memory_format=torch.preserve_format).requires_grad_()
        activated = layer(leaf)
        activated.backward(towards)
        assert activated.is_contiguous(memory_format=memory)
        results.append([activated.detach(), leaf.grad, *(parameter.grad for parameter in layer.parameters())])
    for mine, reference in zip(*results, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-5, atol=1e-5)


def test_zero_is_below_zero_as_in_pytorch() -> None:
    gradients = []
    for kind in (ADN, acti_norm.ADN):
        layer, features = unit(kind, dropout=0.0), torch.zeros((1, 4, 2, 2), requires_grad=True)
        layer.N = torch.nn.Identity()
        layer(features).sum().backward()
        gradients.append((features.grad, layer.A.weight.grad))
    torch.testing.assert_close(*gradients)
    assert gradients[0][0].unique().tolist() == pytest.approx([0.2])


@LAYOUTS
@pytest.mark.usefixtures("small_blocks")
def test_dropout_zeroes_or_scales_and_lets_the_same_gradient_through(shape, memory) -> None:
    torch.manual_seed(0)
    features = torch.randn(shape).contiguous(memory_format=memory).requires_grad_()
    layer = without_norm(0.25)
    activated = layer(features)
    activated.backward(torch.full(shape, 3.0))
    kept = activated != 0
    whole = torch.where(features > 0, features, 0.2 * features)
    torch.testing.assert_close(activated, torch.where(kept, whole / 0.75, 0.0))
    torch.testing.assert_close(features.grad, torch.where(kept, torch.where(features > 0, 4.0, 0.8), 0.0))
    below = torch.where(kept, features.clamp(max=0) * 4, 0.0)
    torch.testing.assert_close(layer.A.weight.grad, below.sum().view(1).detach())
    assert 0.5 < kept.double().mean() < 0.95


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_drops_the_share_that_it_is_told(probability) -> None:
    torch.manual_seed(0)
    count = 200_000
    dropped = (without_norm(probability)(torch.ones((1, 1, 1, count))) == 0).double().flatten()
    deviation = (probability * (1 - probability) / count) ** 0.5
    assert abs(dropped.mean().item() - probability) < 4 * deviation
    # Four neighbours share a draw of 64 bits: each must drop as often, and independently of the next.
    assert (dropped.view(-1, 4).mean(0) - probability).abs().max() < 4 * 2 * deviation
    assert abs(torch.corrcoef(dropped.view(-1, 4).T)[0, 1].item()) < 4 / (count / 4) ** 0.5


def test_infinity_and_nan_pass_through_without_a_warning() -> None:
    features = torch.tensor([torch.inf, -torch.inf, torch.nan, 3e38]).view(1, 1, 2, 2)
    layer, reference = without_norm(0.0, slope=3.0), unit(acti_norm.ADN, dropout=0.0, slope=3.0)
    reference.N = torch.nn.Identity()
    torch.testing.assert_close(layer(features), reference(features), equal_nan=True)


def test_follows_pytorchs_seed() -> None:
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(without_norm(0.5)(torch.ones((1, 1, 10, 10))))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_every_stream_has_draws_of_its_own_and_neither_threads_nor_blocks_change_any(monkeypatch) -> None:
    monkeypatch.setattr(medweave.models.adn, "STREAM", 1000)
    draws = []
    for threads, block in ((1, 1000), (2, 1000), (2, 200)):
        monkeypatch.setattr(medweave.models.adn, "_threads", lambda _, count=threads: ThreadPoolExecutor(count))
        monkeypatch.setattr(medweave.models.adn, "BLOCK", block)
        torch.manual_seed(0)
        draws.append(without_norm(0.5)(torch.ones((1, 1, 1, 4500))).flatten())
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2])
    assert 0.45 < (draws[0] == 0).double().mean() < 0.55
    parts = draws[0][:4000].view(4, 1000)
    assert (torch.corrcoef(parts) - torch.eye(4)).abs().max() < 4 / 1000**0.5


def test_evaluation_is_monais() -> None:
    features = torch.randn((2, 4, 3, 3))
    layer, reference = (unit(kind, dropout=0.5, norm="batch").eval() for kind in (ADN, acti_norm.ADN))
    assert torch.equal(layer(features), reference(features))


def test_keeps_the_number_format() -> None:
    activated = without_norm(0.5)(torch.ones((1, 1, 8, 8), dtype=torch.bfloat16))
    assert activated.dtype == torch.bfloat16
    assert set(activated.flatten().tolist()) == {0.0, 2.0}


def test_doubles_stay_pytorchs() -> None:
    layer = unit(dropout=0.0, norm="instance").double()
    features = torch.linspace(-1, 1, 24, dtype=torch.double).view(1, 4, 2, 3).requires_grad_()
    assert torch.autograd.gradcheck(layer, features)


def test_stays_pytorchs_in_an_export() -> None:
    exported = torch.export.export(without_norm(0.5), (torch.ones((1, 4, 2, 2)),))
    names = {str(node.target) for node in exported.graph.nodes if node.op == "call_function"}
    assert names == {"aten.dropout.default", "aten.prelu.default"}


def test_quicken_reaches_the_units_within_a_block_and_changes_no_parameter() -> None:
    block = torch.nn.Sequential(Convolution(2, 1, 4), Convolution(2, 4, 4))
    before = dict(block.state_dict())
    assert quicken(block) is block
    assert [type(part.adn) for part in block] == [ADN, ADN]
    assert list(block.state_dict()) == list(before)
