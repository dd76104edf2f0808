"""Which cases pass the network together."""

from collections.abc import Iterable, Iterator

import numpy as np

from medweave.core.errors import DataError
from medweave.inference.case_inputs import CaseInputs

#: Voxels at most in a batch of more than one case, which bounds what the network needs of memory.
BATCH_VOXELS = 2**19
MAX_CASES = 8

#: A case that was read, or what could not be.
Attempt = CaseInputs | DataError


def batches(attempts: Iterable[Attempt], *, takes_whole_cases: bool) -> Iterator[list[Attempt]]:
    """Join neighbours of equal sizes; a failure, and each case where a window slides, comes alone.

    Args:
        attempts: In order.
        takes_whole_cases: Whether cases may be joined.
    """
    batch: list[Attempt] = []
    for attempt in attempts:
        if batch and not (takes_whole_cases and _fits(batch, attempt)):
            yield batch
            batch = []
        batch.append(attempt)
    if batch:
        yield batch


def _fits(batch: list[Attempt], attempt: Attempt) -> bool:
    first = batch[0]
    if not isinstance(first, CaseInputs) or not isinstance(attempt, CaseInputs) or first.sizes != attempt.sizes:
        return False
    voxels = sum(int(np.prod(shape[1:])) for shape in first.sizes.values())
    return len(batch) < MAX_CASES and (len(batch) + 1) * voxels <= BATCH_VOXELS
