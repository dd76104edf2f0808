import torch

from medweave.exporting.reference import in_full_precision, with_networks
from medweave.inference.run_model import models_of


def _weights(predictor):
    return [model.state_dict() for model in models_of(predictor)]


def test_full_precision_is_of_the_processor_and_leaves_the_predictor_as_it_was(predictor, monkeypatch):
    moved = []
    monkeypatch.setattr(torch.nn.Module, "cpu", lambda model: moved.append(model) or model)
    full = in_full_precision(predictor)
    assert (predictor.networks[0].autocast_type, full.networks[0].autocast_type) == (torch.bfloat16, None)
    assert moved == models_of(full)
    assert moved != models_of(predictor)
    torch.testing.assert_close(_weights(full), _weights(predictor), rtol=0, atol=0)
    assert full.classification_heads == predictor.classification_heads


def test_every_network_of_an_ensemble_is_taken(predictor):
    several = with_networks(predictor, predictor.networks * 2)
    torch.testing.assert_close(_weights(in_full_precision(several)), _weights(predictor) * 2, rtol=0, atol=0)
