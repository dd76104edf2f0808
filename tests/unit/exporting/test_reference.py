import torch

from medweave.exporting.reference import in_full_precision, networks_of, with_backend
from medweave.inference.backends.ensemble import Ensemble


def test_full_precision_shares_the_network_and_leaves_the_predictor_as_it_was(predictor):
    full = in_full_precision(predictor)
    assert (predictor.backend.autocast_type, full.backend.autocast_type) == (torch.bfloat16, None)
    assert networks_of(full.backend) == [predictor.backend.model]
    assert full.classification_heads == predictor.classification_heads


def test_every_network_of_an_ensemble_is_taken(predictor):
    several = with_backend(predictor, Ensemble([predictor.backend, predictor.backend]))
    assert networks_of(several.backend) == [predictor.backend.model] * 2
    assert isinstance(in_full_precision(several).backend, Ensemble)
