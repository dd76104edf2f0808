import pytest

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS
from medweave.testing.layout import LayoutContract


class Bottles:
    tree = "  <case>.bottle\n  <case>.cork"

    def matches(self, root):
        return any(root.glob("*.bottle"))

    def files(self, root):
        return sorted(root.glob("*.bottle"))

    def scan(self, root):
        if not self.matches(root):
            raise DataError("there is no bottle", where=root)
        cases = [Case(file.stem, file.stem, images={"image": file}) for file in self.files(root)]
        return DatasetIndex("bottles", root, "mine", tuple(cases), {})


class Everything(Bottles):
    def matches(self, root):
        return True


class Backwards(Bottles):
    def files(self, root):
        return super().files(root)[::-1]


class Forgetful(Bottles):
    seen = 0

    def files(self, root):
        self.seen += 1
        return super().files(root)[self.seen - 1 :]


class Undrawn(Bottles):
    tree = "bottles"


@pytest.fixture
def contract(monkeypatch):
    """Make the contract of a layout."""

    def make(component):
        LAYOUTS.names()
        monkeypatch.setitem(LAYOUTS._components, "mine", component)
        return type("Mine", (LayoutContract,), {"name": "mine"})()

    return make


@pytest.fixture
def example(tmp_path):
    root = tmp_path / "example"
    root.mkdir()
    for name in ("a", "b"):
        (root / f"{name}.bottle").touch()
    return root


def test_a_sound_layout_passes(contract, example, tmp_path):
    mine, layout, empty = contract(Bottles), Bottles(), tmp_path / "empty"
    empty.mkdir()
    mine.test_the_layout_is_detected(example)
    mine.test_the_cases_of_an_example_are_sorted_distinct_and_there(layout, example)
    mine.test_scanning_twice_gives_one_index_that_survives_its_file(layout, example, tmp_path)
    mine.test_a_folder_that_is_no_such_layout_is_refused_by_its_name(layout, empty)
    mine.test_an_empty_folder_and_a_foreign_one_do_not_match(layout, empty)
    mine.test_the_layout_is_drawn_for_messages()


def test_a_fault_is_found_by_its_test(contract, example, tmp_path):
    with pytest.raises(AssertionError):
        contract(Backwards).test_the_cases_of_an_example_are_sorted_distinct_and_there(Backwards(), example)
    with pytest.raises(AssertionError):
        contract(Forgetful).test_scanning_twice_gives_one_index_that_survives_its_file(Forgetful(), example, tmp_path)
    with pytest.raises(AssertionError):
        contract(Everything).test_an_empty_folder_and_a_foreign_one_do_not_match(Everything(), tmp_path)
    with pytest.raises(AssertionError):
        contract(Undrawn).test_the_layout_is_drawn_for_messages()


def test_a_layout_that_accepts_a_foreign_folder_fails(contract, tmp_path):
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        contract(Everything).test_a_folder_that_is_no_such_layout_is_refused_by_its_name(Everything(), tmp_path)


def test_an_example_is_the_authors_to_write(contract, tmp_path):
    with pytest.raises(NotImplementedError):
        contract(Bottles).write_example(tmp_path)
