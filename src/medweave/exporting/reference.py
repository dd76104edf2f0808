"""The run as it is exported: its networks, and its Predictor in full precision."""

import copy

from medweave.inference.backends.ensemble import average_of
from medweave.inference.backends.torch import TorchBackend
from medweave.inference.predictor import Backend, EnsembleBackend, Predictor
from medweave.models.multitask import MultiTaskModel


def networks_of(backend: Backend) -> list[MultiTaskModel]:
    """Return the networks that a backend of PyTorch runs, one or those of an ensemble."""
    members = backend.members if isinstance(backend, EnsembleBackend) else (backend,)
    return [member.model for member in members if isinstance(member, TorchBackend)]


def with_backend(predictor: Predictor, backend: Backend) -> Predictor:
    """Return a predictor that differs in what runs its network alone."""
    changed = copy.copy(predictor)
    changed.backend = backend
    return changed


def in_full_precision(predictor: Predictor) -> Predictor:
    """Return a predictor whose networks compute in float32."""
    backends = [TorchBackend(model, precision="float32") for model in networks_of(predictor.backend)]
    return with_backend(predictor, average_of(backends))
