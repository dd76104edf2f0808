from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.core.files import read_json, write_json
from medweave.data.case import Case
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex

STRAY = Finding(
    severity="warning",
    code="mask_without_image",
    case_ids=(),
    path=Path("/data/gt/x.nii"),
    message="a mask has no image",
    fix="remove it.",
)


def _index(*cases: Case, root: Path = Path("/data")) -> DatasetIndex:
    return DatasetIndex("Study", root, "msd", cases, {"ed": {"lv": 3, "rv": 1}}, (STRAY,))


@pytest.fixture
def index() -> DatasetIndex:
    return _index(
        Case("a", "s1", {"ed": Path("/data/a_ed.nii")}, {"ed": Path("/data/gt/a.nii")}, {"diagnosis": "DCM"}),
        Case("b", "s1", {"es": Path("/data/b_es.nii"), "ed": Path("/elsewhere/b.nii")}),
        Case("c", "s2", {"ed": Path("/data/c.nii")}, attributes={"height_cm": "184.0"}),
    )


def test_names_are_those_that_any_case_has(index: DatasetIndex) -> None:
    assert index.image_names == ["ed", "es"]
    assert index.label_map_names == ["ed"]


def test_two_cases_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match=r"two cases have one name \(a\)"):
        _index(Case("a", "s1", {}), Case("a", "s2", {}))


def test_saved_index_comes_back_as_it_was(index: DatasetIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.json")
    assert DatasetIndex.load(tmp_path / "index.json") == index


def test_paths_inside_the_root_are_saved_relative_to_it(index: DatasetIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.json")
    cases = read_json(tmp_path / "index.json")["cases"]
    assert cases[0]["label_maps"] == {"ed": "gt/a.nii"}
    assert cases[1]["images"] == {"es": "b_es.nii", "ed": "/elsewhere/b.nii"}


def test_index_whose_root_was_moved_finds_its_files_there(index: DatasetIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.json")
    write_json(tmp_path / "index.json", read_json(tmp_path / "index.json") | {"root": "/moved"})
    assert DatasetIndex.load(tmp_path / "index.json").cases[0].images == {"ed": Path("/moved/a_ed.nii")}


@pytest.mark.parametrize("content", [{}, [], {"name": "x", "root": "/", "layout": "msd", "structures": {}, "cases": 3}])
def test_json_file_that_is_no_index_is_refused(content: object, tmp_path: Path) -> None:
    write_json(tmp_path / "index.json", content)
    with pytest.raises(DataError, match=r"not an index of a data set .*index\.json"):
        DatasetIndex.load(tmp_path / "index.json")


def test_index_of_an_earlier_version_has_no_attributes_and_no_findings(index: DatasetIndex, tmp_path: Path) -> None:
    index.save(tmp_path / "index.json")
    content = read_json(tmp_path / "index.json")
    del content["findings"]
    for case in content["cases"]:
        del case["attributes"]
    write_json(tmp_path / "index.json", content)
    earlier = DatasetIndex.load(tmp_path / "index.json")
    assert earlier.findings == ()
    assert [case.attributes for case in earlier.cases] == [{}, {}, {}]


def test_subset_keeps_the_order_of_the_index(index: DatasetIndex) -> None:
    subset = index.subset(["c", "a"])
    assert [case.case_id for case in subset.cases] == ["a", "c"]
    assert (subset.root, subset.structures) == (index.root, index.structures)


def test_subset_of_unknown_cases_is_refused(index: DatasetIndex) -> None:
    with pytest.raises(DataError, match=r"cases are missing .*got no x, z\. Fix: restore"):
        index.subset(["z", "a", "x"])


def test_cases_are_left_out_by_name(index: DatasetIndex) -> None:
    assert [case.case_id for case in index.without(["b"]).cases] == ["a", "c"]
    assert index.without([]) == index


def test_unknown_case_to_leave_out_is_refused(index: DatasetIndex) -> None:
    with pytest.raises(DataError, match=r"no case 'x' to leave out .*Fix: correct data\.exclude"):
        index.without(["a", "x"])
