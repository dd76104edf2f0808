"""Which components the test classes of a module are about."""

import pytest

from medweave.testing.contract import Contract


@pytest.fixture
def tested_names(request: pytest.FixtureRequest) -> set[str]:
    """Names of the components that the module's classes test."""
    classes = [entry for entry in vars(request.module).values() if isinstance(entry, type)]
    return {entry.name for entry in classes if issubclass(entry, Contract) and hasattr(entry, "name")}
