import numpy as np
import pytest

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.inference import batching
from medweave.inference.batching import batches
from medweave.inference.case_inputs import CaseInputs
from medweave.preprocessing.geometry import Grid
from medweave.preprocessing.pipeline import Preprocessed


def _read(*shapes):
    grid = Grid((2, 2), (1.0, 1.0), (0.0, 0.0), (1, 0, 0, 1))
    inputs = {
        f"i{number}": Preprocessed(np.zeros(shape, np.float32), grid, grid) for number, shape in enumerate(shapes)
    }
    return CaseInputs(Case("c", "c", images={}), inputs)


SMALL, LARGE, BOTH, FAILED = _read((1, 8, 8)), _read((1, 8, 9)), _read((1, 8, 8), (1, 4)), DataError("damaged")


@pytest.mark.parametrize(
    ("attempts", "sizes"),
    [
        ([SMALL] * 5, [5]),
        ([SMALL, SMALL, LARGE, SMALL], [2, 1, 1]),
        ([SMALL, BOTH, BOTH], [1, 2]),
        ([SMALL, FAILED, SMALL, FAILED, FAILED], [1, 1, 1, 1, 1]),
        ([SMALL] * 20, [8, 8, 4]),
        ([], []),
    ],
)
def test_neighbours_of_equal_sizes_are_joined(attempts, sizes):
    found = list(batches(attempts, takes_whole_cases=True))
    assert [len(batch) for batch in found] == sizes
    assert [attempt for batch in found for attempt in batch] == attempts


def test_large_cases_share_a_batch_only_as_far_as_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(batching, "BATCH_VOXELS", 3 * 64)
    assert [len(batch) for batch in batches([SMALL] * 7, takes_whole_cases=True)] == [3, 3, 1]


def test_cases_under_a_sliding_window_come_alone():
    assert [len(batch) for batch in batches([SMALL] * 3, takes_whole_cases=False)] == [1, 1, 1]
