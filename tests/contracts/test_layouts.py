import pytest

from medweave.core.errors import DataError
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import LAYOUTS, scan

NAMES = [name for name in LAYOUTS.names() if name != "auto"]


#: Files of an example of each layout; what is written into those that are text.
EXAMPLES = {
    "acdc": {
        "p1/frame01.nii": "",
        "p1/frame01_gt.nii": "",
        "p1/frame09.nii": "",
        "p2/frame01.nii": "",
        "p2/gt.txt": "3",
    },
    "image_folders": {"Covid/images/a.png": "", "Covid/masks/a.png": "", "Normal/images/b.jpg": ""},
    "table": {"cases.csv": "case_id,image.t1,target.grade\na,a.nii,high\nb,,low\n", "a.nii": ""},
}


@pytest.fixture
def folders(heart_study, tmp_path_factory):
    """An example folder of each layout."""
    root = tmp_path_factory.mktemp("layouts")
    for layout, files in EXAMPLES.items():
        for file, content in files.items():
            (root / layout / file).parent.mkdir(parents=True, exist_ok=True)
            (root / layout / file).write_text(content)
    return {"msd": heart_study, **{layout: root / layout for layout in EXAMPLES}}


def test_there_are_layouts() -> None:
    assert {"msd", *EXAMPLES} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_layout_is_detected(name, folders):
    assert scan(folders[name]).layout == name


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
