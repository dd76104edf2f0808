import torch

from medweave.exporting.reference import in_full_precision, with_networks
from medweave.inference.run_model import models_of


def test_full_precision_shares_the_network_and_leaves_the_predictor_as_it_was(predictor):
    full = in_full_precision(predictor)
    assert (predictor.networks[0].autocast_type, full.networks[0].autocast_type) == (torch.bfloat16, None)
    assert models_of(full) == models_of(predictor)
    assert full.classification_heads == predictor.classification_heads


def test_every_network_of_an_ensemble_is_taken(predictor):
    several = with_networks(predictor, predictor.networks * 2)
    assert models_of(in_full_precision(several)) == models_of(predictor) * 2
