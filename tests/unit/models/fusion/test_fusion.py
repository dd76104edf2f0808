import pytest
import torch
from torch import nn

from medweave.models.fusion.fusion import FUSIONS, Fusion, drop_inputs, project


def test_the_registry_finds_the_fusions_of_the_package():
    assert FUSIONS.names() == ["concat", "gated_attention", "single"]


def test_a_fusion_must_say_how_it_joins():
    with pytest.raises(NotImplementedError):
        Fusion()({}, {})


def _draw(present, probability, seed=0):
    torch.manual_seed(seed)
    return torch.stack(list(drop_inputs(present, probability).values()))


def test_dropping_never_adds_an_input_and_never_takes_the_last():
    flags = torch.rand(3, 4000, generator=torch.Generator().manual_seed(1)) < 0.6
    kept = _draw(dict(zip("abc", flags, strict=True)), 0.9)
    assert not (kept & ~flags).any()
    assert torch.equal(kept.any(dim=0), flags.any(dim=0))


def test_inputs_are_dropped_as_often_as_the_probability_says():
    samples, probability = 40_000, 0.3
    kept = _draw({name: torch.ones(samples, dtype=torch.bool) for name in "ab"}, probability).float().mean(dim=1)
    # Both are drawn with probability p²; one of the two, either as likely, then stays.
    dropped = probability - probability**2 / 2
    margin = 4 * (dropped * (1 - dropped) / samples) ** 0.5
    assert torch.all((1 - kept - dropped).abs() < margin)


def test_inputs_are_dropped_independently_of_each_other():
    samples, probability = 40_000, 0.25
    kept = _draw({name: torch.ones(samples, dtype=torch.bool) for name in "abc"}, probability)
    both = (~kept[0] & ~kept[1]).float().mean().item()
    # Both of three are dropped, or all are and the third is the one that stays.
    expected = probability**2 * (1 - probability) + probability**3 / 3
    assert abs(both - expected) < 4 * (expected / samples) ** 0.5


def test_without_probability_nothing_is_dropped_and_absent_stays_absent():
    present = {"a": torch.tensor([True, False, False]), "b": torch.tensor([True, True, False])}
    assert torch.equal(_draw(present, 0.0), torch.stack(list(present.values())))


def test_the_names_and_their_order_are_kept():
    present = {name: torch.ones(2, dtype=torch.bool) for name in "cab"}
    assert list(drop_inputs(present, 0.5)) == ["c", "a", "b"]


def test_a_projection_s_bias_does_not_stand_for_an_absent_input():
    layers = nn.ModuleDict({"a": nn.Linear(2, 3)})
    vectors = torch.tensor([[1.0, 2.0], [float("nan"), 0.0]])
    (projected,) = project(layers, {"a": vectors}, {"a": torch.tensor([True, False])})
    assert torch.equal(projected[1], torch.zeros(3))
    assert torch.allclose(projected[0], layers["a"].weight @ vectors[0] + layers["a"].bias)
