import json
from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.data.layouts.msd import MsdLayout


def _study(root: Path, *, files: tuple[str, ...], **description: object) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    entry = {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}
    content = {"labels": {"0": "background", "1": "Left Atrium"}, "training": [entry]} | description
    root.mkdir(exist_ok=True)
    (root / "dataset.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def study(tmp_path: Path) -> Path:
    files = ("imagesTr/a.nii.gz", "labelsTr/a.nii.gz", "imagesTr/._a.nii.gz", "imagesTs/b.nii.gz")
    return _study(tmp_path, files=files, name="Heart", test=["./imagesTs/b.nii.gz", "./imagesTs/._b.nii.gz"])


def test_labelled_and_unlabelled_cases_are_listed(study: Path) -> None:
    index = MsdLayout().scan(study)
    assert (index.name, index.layout, index.root) == ("Heart", "msd", study)
    assert [(case.case_id, case.subject_id) for case in index.cases] == [("a", "a"), ("b", "b")]
    assert index.cases[0].images == {"image": study / "imagesTr/a.nii.gz"}
    assert index.cases[0].label_maps == {"image": study / "labelsTr/a.nii.gz"}
    assert index.cases[1].images == {"image": study / "imagesTs/b.nii.gz"}
    assert index.cases[1].label_maps == {}


def test_structures_are_words_without_background(study: Path) -> None:
    assert MsdLayout().scan(study).structures == {"image": {"left_atrium": 1}}


def test_cases_are_sorted_and_the_name_defaults_to_the_folder(tmp_path: Path) -> None:
    names = ("c", "a", "b")
    files = tuple(f"{folder}/{name}.nii" for name in names for folder in ("imagesTr", "labelsTr"))
    entries = [{"image": f"imagesTr/{name}.nii", "label": f"labelsTr/{name}.nii"} for name in names]
    index = MsdLayout().scan(_study(tmp_path, files=files, training=entries))
    assert [case.case_id for case in index.cases] == ["a", "b", "c"]
    assert index.name == tmp_path.name


def test_listed_file_may_be_stored_with_the_other_suffix(tmp_path: Path) -> None:
    case = MsdLayout().scan(_study(tmp_path, files=("imagesTr/a.nii", "labelsTr/a.nii"))).cases[0]
    assert [path.name for path in case.paths] == ["a.nii", "a.nii"]


def test_resource_forks_in_the_list_are_skipped(tmp_path: Path) -> None:
    entries = [{"image": f"imagesTr/{name}", "label": f"labelsTr/{name}"} for name in ("._a.nii", "a.nii")]
    index = MsdLayout().scan(_study(tmp_path, files=("imagesTr/a.nii", "labelsTr/a.nii"), training=entries))
    assert [case.case_id for case in index.cases] == ["a"]


def test_data_folder_may_be_made_of_links(tmp_path: Path) -> None:
    root, store = tmp_path / "study", tmp_path / "store.nii.gz"
    store.touch()
    _study(root, files=("imagesTr/x", "labelsTr/x"))
    for folder in ("imagesTr", "labelsTr"):
        (root / folder / "a.nii.gz").symlink_to(store)
    assert MsdLayout().scan(root).cases[0].case_id == "a"


@pytest.mark.parametrize("file", ["../outside.nii", "/etc/hostname"])
def test_file_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    study = _study(tmp_path / "study", files=(), training=[{"image": file, "label": file}])
    with pytest.raises(DataError, match="names a file outside the data folder"):
        MsdLayout().scan(study)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"names a file that is absent .*got \./labelsTr/a\.nii\.gz"):
        MsdLayout().scan(_study(tmp_path, files=("imagesTr/a.nii.gz",)))


@pytest.mark.parametrize("entry", ["./imagesTr/a.nii.gz", {"image": "./imagesTr/a.nii.gz"}, None, {}])
def test_incomplete_entry_is_named(tmp_path: Path, entry: object) -> None:
    with pytest.raises(DataError, match="entry 0 of `training` is incomplete"):
        MsdLayout().scan(_study(tmp_path, files=("imagesTr/a.nii.gz",), training=[entry]))


@pytest.mark.parametrize("entry", [{}, None, 3])
def test_test_entry_that_names_no_file_is_refused(tmp_path: Path, entry: object) -> None:
    with pytest.raises(DataError, match="names a file that is absent"):
        MsdLayout().scan(_study(tmp_path, files=(), training=[], test=[entry]))


@pytest.mark.parametrize("labels", [{"background": 0}, ["background", "atrium"]])
def test_labels_of_another_form_are_refused(tmp_path: Path, labels: object) -> None:
    study = _study(tmp_path, files=("imagesTr/a.nii.gz", "labelsTr/a.nii.gz"), labels=labels)
    with pytest.raises(DataError, match="`labels` is not a table from number to name"):
        MsdLayout().scan(study)


@pytest.mark.parametrize("content", ["[]", '{"training": 3}', "{}"])
def test_description_without_a_training_list_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(DataError, match="has no list `training`"):
        MsdLayout().scan(tmp_path)


def test_folder_without_the_description_is_told_to_be_of_another_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no dataset\.json, so it is not of the layout msd.*name another layout"):
        MsdLayout().scan(tmp_path)


def test_matches_needs_both_the_description_and_the_images(study: Path, tmp_path: Path) -> None:
    assert MsdLayout().matches(study)
    (study / "dataset.json").unlink()
    assert not MsdLayout().matches(study)


@pytest.mark.real_data
def test_real_study_has_its_cases(shared_data: Path) -> None:
    index = MsdLayout().scan(shared_data / "msd_heart_2p5mm")
    assert len(index.cases) == 15
    assert index.structures == {"image": {"left_atrium": 1}}
    assert all(path.is_file() for case in index.cases for path in case.paths)
