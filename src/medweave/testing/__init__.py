"""The contracts of components as test classes: a subclass that names a component tests it; they need pytest."""

import pytest

MODULES = ("contract", "encoder", "head", "layout", "loss")

# A failed comparison then shows both sides, as it does in a test file.
pytest.register_assert_rewrite(*(f"medweave.testing.{module}" for module in MODULES))
