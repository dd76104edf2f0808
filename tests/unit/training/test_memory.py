import pytest
import torch

from medweave.core.errors import RunError
from medweave.training.memory import memory_explained

CUDA_SAYS = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB"


def test_the_end_of_the_memory_is_a_run_error_with_a_fix():
    with (
        pytest.raises(RunError, match=r"memory of the GPU is not enough: got CUDA out of memory\. Fix: lower training"),
        memory_explained(),
    ):
        raise torch.OutOfMemoryError(CUDA_SAYS)


def test_other_errors_pass():
    with pytest.raises(RuntimeError, match="shapes"), memory_explained():
        raise RuntimeError("shapes")
