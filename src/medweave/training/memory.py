"""What is said when the memory of a GPU is not enough."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from medweave.core.errors import RunError


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turn PyTorch's error into one that names what to change.

    Raises:
        RunError: The memory was not enough.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise RunError(
            "the memory of the GPU is not enough",
            got=str(error).partition("\n")[0].partition(". ")[0],
            fix="lower training.batch_size or patches.size_voxels, or end what else uses the GPU.",
        ) from error
