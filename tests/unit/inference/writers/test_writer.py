import pytest

from medweave.core.errors import UsageError
from medweave.inference.writers.writer import WRITERS


def test_the_registry_finds_the_writers_of_the_package():
    assert WRITERS.names() == ["nifti", "overlay", "probabilities", "uncertainty"]
    with pytest.raises(UsageError, match=r"unknown writer 'nifty'.* Did you mean 'nifti'"):
        WRITERS.get("nifty")
