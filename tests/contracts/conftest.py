"""Which components the test classes of a module are about."""

import pytest


@pytest.fixture
def tested_names(request: pytest.FixtureRequest) -> set[str]:
    """Names of the components that the module's classes test."""
    return {entry.name for entry in vars(request.module).values() if isinstance(entry, type) and hasattr(entry, "name")}
