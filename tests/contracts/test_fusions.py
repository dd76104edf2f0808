import inspect
from itertools import product

import pytest
import torch

from medweave.models.fusion.fusion import FUSIONS

NAMES = FUSIONS.names()
#: Fusions of several inputs.
JOINING = [name for name in NAMES if name != "single"]
CHANNELS = {"mri": 4, "ct": 6, "xray": 3}
BATCH = 5


def _fusion(name, **parameters):
    torch.manual_seed(0)
    channels = {"mri": 4} if name == "single" else CHANNELS
    small = {"features": 5, "attention_features": 3}
    taken = {key: value for key, value in small.items() if key in inspect.signature(FUSIONS.get(name)).parameters}
    return FUSIONS.get(name)(channels=channels, **{**taken, **parameters})


def _vectors(batch=BATCH):
    generator = torch.Generator().manual_seed(1)
    return {key: torch.randn(batch, length, generator=generator) for key, length in CHANNELS.items()}


def _present(*absent, batch=BATCH):
    return {key: torch.full((batch,), key not in absent) for key in CHANNELS}


def test_there_are_fusions() -> None:
    assert {"concat", "gated_attention", "single"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_joined_vector_has_the_length_that_the_attribute_says(name):
    fusion = _fusion(name)
    assert fusion(_vectors(), _present()).shape == (BATCH, fusion.out_features)


@pytest.mark.parametrize("name", NAMES)
def test_one_input_is_enough(name):
    fusion = FUSIONS.get(name)(channels={"mri": 4}).eval()
    vectors, present = {"mri": _vectors()["mri"]}, {"mri": torch.ones(BATCH, dtype=torch.bool)}
    assert fusion(vectors, present).shape == (BATCH, fusion.out_features)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_every_vector_and_every_parameter(name):
    fusion = _fusion(name)
    vectors = {key: value.requires_grad_() for key, value in _vectors().items()}
    fusion(vectors, _present()).square().sum().backward()
    used = ["mri"] if name == "single" else list(CHANNELS)
    assert all(vectors[key].grad.abs().sum() > 0 for key in used)
    assert [key for key, p in fusion.named_parameters() if p.grad is None or p.grad.abs().sum() == 0] == []


@pytest.mark.parametrize("name", JOINING)
@pytest.mark.parametrize("value", [1e6, float("nan"), float("inf")])
def test_what_an_absent_input_holds_has_no_influence(name, value):
    fusion = _fusion(name).eval()
    present = {key: flags.clone() for key, flags in _present("ct").items()}
    present["ct"][1] = True
    vectors = _vectors()
    expected = fusion(vectors, present)
    vectors["ct"] = torch.where(present["ct"][:, None], vectors["ct"], value)
    assert torch.equal(fusion(vectors, present), expected)


@pytest.mark.parametrize("name", JOINING)
def test_an_absent_input_gets_no_gradient_and_spoils_no_parameter_s(name):
    fusion = _fusion(name)
    vectors = {key: value.requires_grad_() for key, value in _vectors().items()}
    vectors["ct"] = torch.full((BATCH, 6), float("nan"), requires_grad=True)
    fusion(vectors, _present("ct")).square().sum().backward()
    assert torch.equal(vectors["ct"].grad, torch.zeros(BATCH, 6))
    assert all(torch.isfinite(parameter.grad).all() for parameter in fusion.parameters())
    own = [parameter.grad for key, parameter in fusion.named_parameters() if ".ct" in key]
    assert all(torch.equal(gradient, torch.zeros_like(gradient)) for gradient in own)


@pytest.mark.parametrize("name", JOINING)
def test_an_input_s_presence_makes_a_difference(name):
    fusion = _fusion(name).eval()
    whole = fusion(_vectors(), _present())
    assert all(not torch.allclose(fusion(_vectors(), _present(absent)), whole) for absent in CHANNELS)


@pytest.mark.parametrize("name", JOINING)
@pytest.mark.parametrize("is_training", [True, False])
def test_every_subset_of_the_inputs_gives_a_finite_vector_the_empty_one_included(name, is_training):
    fusion = _fusion(name, modality_dropout=0.5).train(is_training)
    subsets = torch.tensor(list(product((True, False), repeat=len(CHANNELS))))
    present = {key: subsets[:, column] for column, key in enumerate(CHANNELS)}
    assert torch.isfinite(fusion(_vectors(batch=len(subsets)), present)).all()


@pytest.mark.parametrize("name", NAMES)
def test_samples_are_joined_each_for_itself(name):
    fusion = _fusion(name).eval()
    order = torch.tensor([3, 0, 4, 1, 2])
    present = {key: torch.arange(BATCH) % (place + 2) != 1 for place, key in enumerate(CHANNELS)}
    joined = fusion(_vectors(), present)
    permuted = fusion(
        {key: value[order] for key, value in _vectors().items()}, {key: flags[order] for key, flags in present.items()}
    )
    assert torch.allclose(permuted, joined[order], atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_is_deterministic_and_one_seed_gives_one_fusion(name):
    dropped = {"modality_dropout": 0.5} if name in JOINING else {}
    first, second = (_fusion(name, **dropped).eval() for _ in range(2))
    expected = first(_vectors(), _present())
    assert torch.equal(first(_vectors(), _present()), expected)
    assert torch.equal(second(_vectors(), _present()), expected)


@pytest.mark.parametrize("name", JOINING)
def test_modality_dropout_makes_inputs_absent_in_training(name):
    fusion = _fusion(name, modality_dropout=0.5).train()
    vectors = {key: value[:1].expand(64, -1) for key, value in _vectors().items()}
    torch.manual_seed(0)
    seen = fusion(vectors, _present(batch=64))
    subsets = [keep for keep in product((True, False), repeat=len(CHANNELS)) if any(keep)]
    possible = fusion.eval()(
        {key: value[: len(subsets)] for key, value in vectors.items()},
        {key: torch.tensor([keep[column] for keep in subsets]) for column, key in enumerate(CHANNELS)},
    )
    nearest = torch.cdist(seen, possible, compute_mode="donot_use_mm_for_euclid_dist").min(dim=1)
    assert nearest.values.max() < 1e-4
    assert len(nearest.indices.unique()) == len(subsets)
