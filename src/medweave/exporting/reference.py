"""The run as it is exported: its Predictor in full precision."""

import copy
from collections.abc import Sequence

from medweave.inference.backends.backend import Backend
from medweave.inference.backends.torch import TorchBackend
from medweave.inference.predictor import Predictor
from medweave.inference.run_model import models_of


def with_networks(predictor: Predictor, networks: Sequence[Backend]) -> Predictor:
    """Return a predictor that differs in what runs its networks alone."""
    changed = copy.copy(predictor)
    changed.networks = tuple(networks)
    return changed


def in_full_precision(predictor: Predictor) -> Predictor:
    """Return a predictor whose networks compute in float32, on the processor: a GPU's convolutions round to TF32."""
    networks = [copy.deepcopy(model).cpu() for model in models_of(predictor)]
    return with_networks(predictor, [TorchBackend(model, precision="float32") for model in networks])
