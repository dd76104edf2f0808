import pytest

from medweave.core.errors import DataError
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS

NAMES = [name for name in LAYOUTS.names() if name != "auto"]


@pytest.fixture
def folders(heart_study):
    """An example folder of each layout that there is one of."""
    return {"msd": heart_study}


def test_there_are_layouts() -> None:
    assert "msd" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_example_matches_and_its_cases_are_sorted_distinct_and_there(name, folders):
    assert name in folders, "write an example folder for the new layout"
    layout = LAYOUTS.get(name)()
    assert layout.matches(folders[name])
    index = layout.scan(folders[name])
    case_ids = [case.case_id for case in index.cases]
    assert case_ids == sorted(set(case_ids))
    assert len(case_ids) > 1
    assert index.layout == name
    paths = [path for case in index.cases for path in [*case.images.values(), *case.label_maps.values()]]
    assert [path for path in paths if not (path.is_file() and path.is_absolute())] == []


@pytest.mark.parametrize("name", NAMES)
def test_scanning_twice_gives_one_index_that_survives_its_file(name, folders, tmp_path):
    index = LAYOUTS.get(name)().scan(folders[name])
    assert LAYOUTS.get(name)().scan(folders[name]) == index
    index.save(tmp_path / "index.json")
    assert DatasetIndex.load(tmp_path / "index.json") == index


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_and_a_foreign_one_do_not_match(name, tmp_path):
    assert not LAYOUTS.get(name)().matches(tmp_path)
    (tmp_path / "thesis.txt").write_text("dear")
    assert not LAYOUTS.get(name)().matches(tmp_path)
    assert not LAYOUTS.get(name)().matches(tmp_path / "absent")


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_that_is_no_such_layout_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        LAYOUTS.get(name)().scan(tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_is_drawn_for_messages(name):
    lines = LAYOUTS.get(name).tree.splitlines()
    assert len(lines) > 1
    assert all(line.startswith("  ") for line in lines)
