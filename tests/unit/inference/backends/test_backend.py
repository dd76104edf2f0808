from types import SimpleNamespace

from medweave.inference.backends.backend import ExplainingBackend
from medweave.inference.backends.torch import TorchBackend


class _Bare:
    """What any runtime can give: sizes and answers."""

    size_divisors = SimpleNamespace()

    def __call__(self, images, present):
        return {}


def test_a_backend_explains_if_it_has_a_method_for_it():
    of_torch = TorchBackend(SimpleNamespace(size_divisors={}), precision="float32")
    assert isinstance(of_torch, ExplainingBackend)
    assert not isinstance(_Bare(), ExplainingBackend)
