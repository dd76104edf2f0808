import pytest

from medweave.building.layout import build_layout
from medweave.core.errors import UsageError
from medweave.data.layouts.layout import AutoLayout
from medweave.data.layouts.msd import MsdLayout
from medweave.recipes.schema import Component


def test_a_name_becomes_the_layout() -> None:
    assert isinstance(build_layout(Component(name="msd")), MsdLayout)
    assert isinstance(build_layout(Component(name="auto")), AutoLayout)


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(UsageError, match=r"^unknown layout 'mds'\. Did you mean 'msd'\?"):
        build_layout(Component(name="mds"))


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(UsageError, match=r"layout\.folder: unknown parameter of layout 'msd'"):
        build_layout(Component(name="msd", folder="x"))
