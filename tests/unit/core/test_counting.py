import pytest

from medweave.core.counting import counted


@pytest.mark.parametrize(("number", "words"), [(0, "0 cases"), (1, "1 case"), (2, "2 cases"), (12345, "12,345 cases")])
def test_the_noun_agrees_with_the_number(number, words) -> None:
    assert counted(number, "case") == words
