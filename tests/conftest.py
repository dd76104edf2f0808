"""Fixtures that several test folders share."""

from pathlib import Path

import pytest

from medweave.phantoms.heart import write_heart_study

SHARED_DATA = Path(__file__).parents[1] / "../shared/data"


@pytest.fixture(scope="session")
def heart_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small phantom cases in MSD layout; do not write into it."""
    root = tmp_path_factory.mktemp("heart_study")
    write_heart_study(root, n_cases=6, seed=0, size_voxels=(32, 32, 24))
    return root


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real example data; skips the test where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real example data are not on this machine")
    return SHARED_DATA.resolve()
