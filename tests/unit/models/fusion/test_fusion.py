import pytest

from medweave.models.fusion.fusion import FUSIONS, Fusion


def test_the_registry_finds_the_fusions_of_the_package():
    assert FUSIONS.names() == ["single"]


def test_a_fusion_must_say_how_it_joins():
    with pytest.raises(NotImplementedError):
        Fusion()({}, {})
