from pathlib import Path

import pytest

from medweave.core.errors import DataError, UsageError
from medweave.data.case import Case
from medweave.data.input_paths import cases_of_paths
from medweave.data.layouts.acdc import AcdcLayout
from medweave.data.layouts.layout import AutoLayout, Layout
from medweave.data.layouts.table import TableLayout
from medweave.data.study import InputSource, StudySource
from medweave.preprocessing.pipeline import Preprocessor


def source(*image_names: str, spatial_dims: int = 3) -> StudySource:
    preprocessor = Preprocessor(spatial_dims=spatial_dims)
    return StudySource({name: InputSource((name,), preprocessor) for name in image_names}, {})


def touch(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def cases(*paths: Path, model: StudySource, layout: Layout | None = None) -> dict[str, dict[str, str]]:
    found: list[Case] = cases_of_paths(paths, source=model, layout=layout or AutoLayout())
    return {case.case_id: {name: path.name for name, path in case.images.items()} for case in found}


def test_single_files_are_cases_of_a_model_of_one_image(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii.gz", "b.PNG", "scan.001")
    files = [tmp_path / name for name in ("a.nii.gz", "b.PNG", "scan.001")]
    assert cases(*files, model=source("mri")) == {
        "a": {"mri": "a.nii.gz"},
        "b": {"mri": "b.PNG"},
        "scan": {"mri": "scan.001"},
    }


def test_images_of_a_folder_are_cases_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b.nii", "a.nrrd", "._a.nii", "notes.txt", "preview.png")
    assert list(cases(tmp_path, model=source("mri"))) == ["a", "b"]


def test_dicom_series_of_a_folder_are_images_of_it(tmp_path: Path) -> None:
    touch(tmp_path, "p1/pre.nii.gz", "p1/report/notes.txt", "p1/flair/1.dcm")
    (tmp_path / "p1/flair/1.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert list(cases(tmp_path / "p1", model=source("mri"))) == ["flair", "pre"]
    assert cases(tmp_path / "p1", model=source("flair", "pre")) == {"p1": {"flair": "flair", "pre": "pre.nii.gz"}}


def test_dicom_series_of_deeper_folders_are_called_by_their_place(tmp_path: Path) -> None:
    for series in ("p1/study/1 t2", "p1/study/2", "p2/study/1 t2", ".trash/3"):
        touch(tmp_path / series, "1.dcm")
        (tmp_path / series / "1.dcm").write_bytes(b"\0" * 128 + b"DICM")
    assert list(cases(tmp_path, model=source("mri"))) == ["p1_study_1 t2", "p1_study_2", "p2_study_1 t2"]
    assert list(cases(tmp_path / "p1", model=source("mri"))) == ["study_1 t2", "study_2"]
    touch(tmp_path, "a.nii.gz")
    assert list(cases(tmp_path, model=source("mri"))) == ["a"]


def test_pictures_of_a_folder_are_for_models_of_2d_images(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a.png")
    assert list(cases(tmp_path, model=source("photo", spatial_dims=2))) == ["a", "b"]
    with pytest.raises(DataError, match=r"the folder holds no image .*wanted files ending in \.nii\.gz"):
        cases(tmp_path, model=source("mri"))


def test_folder_of_files_called_like_the_images_is_one_case_that_may_lack_some(tmp_path: Path) -> None:
    touch(tmp_path / "p1", "flair.nii.gz", "pre.nii.gz", "mask.nii.gz")
    assert cases(tmp_path / "p1", model=source("flair", "pre", "post")) == {
        "p1": {"flair": "flair.nii.gz", "pre": "pre.nii.gz"}
    }


def test_folder_of_one_patient_is_read_in_the_models_layout(tmp_path: Path) -> None:
    touch(tmp_path / "patient001", "patient001_frame01.nii.gz", "patient001_frame12.nii.gz")
    found = cases(tmp_path / "patient001", model=source("ed", "es"), layout=AcdcLayout())
    assert found == {"patient001": {"ed": "patient001_frame01.nii.gz", "es": "patient001_frame12.nii.gz"}}


def test_folder_in_another_known_layout_is_recognised(tmp_path: Path) -> None:
    touch(tmp_path / "p1", "frame01.nii", "frame12.nii")
    assert list(cases(tmp_path, model=source("ed", "es"), layout=TableLayout())) == ["p1"]


def test_table_is_read_as_the_model_learnt_or_by_its_usual_columns(tmp_path: Path) -> None:
    touch(tmp_path, "p1/t1.nii", "p2/t1.nii")
    (tmp_path / "own.csv").write_text("patient\np1\np2\n")
    (tmp_path / "usual.csv").write_text("case_id,image.t1\nx,p1/t1.nii\n")
    layout = TableLayout(case_id="patient", images={"t1": "{patient}/t1.nii"})
    assert list(cases(tmp_path / "own.csv", model=source("t1"), layout=layout)) == ["p1", "p2"]
    assert list(cases(tmp_path / "usual.csv", model=source("t1"), layout=layout)) == ["x"]


def test_lone_file_for_a_model_of_several_images_is_wrong_usage(tmp_path: Path) -> None:
    touch(tmp_path, "a.nii")
    with pytest.raises(
        UsageError, match=r"the model takes 2 images a case \(ed, es\) \(.*a\.nii\)\. Fix: give a case's folder"
    ):
        cases(tmp_path / "a.nii", model=source("ed", "es"))


def test_absent_paths_are_refused(tmp_path: Path) -> None:
    for name in ("a.nii", "a.csv"):
        with pytest.raises(DataError, match=rf"image file not found \(.*{name}\)"):
            cases(tmp_path / name, model=source("ed", "es"))


def test_nothing_to_predict_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="nothing to predict"):
        cases(model=source("mri"))


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.nii", "y/a.nii.gz")
    with pytest.raises(UsageError, match=r"two inputs would write files of one name: got .*a\.nii and .*a\.nii\.gz"):
        cases(tmp_path / "x", tmp_path / "y", model=source("mri"))


def test_a_link_has_the_name_that_it_was_given_and_a_point_that_of_its_folder(tmp_path: Path, monkeypatch) -> None:
    touch(tmp_path, "store/5d4140.nii.gz", "patient/mri.nii.gz", "patient/deep/1.dcm")
    (tmp_path / "sub-01.nii.gz").symlink_to(tmp_path / "store/5d4140.nii.gz")
    assert list(cases(tmp_path / "sub-01.nii.gz", model=source("mri"))) == ["sub-01"]
    (tmp_path / "patient/deep/1.dcm").write_bytes(b"\0" * 128 + b"DICM")
    monkeypatch.chdir(tmp_path / "patient/deep")
    assert list(cases(Path(), model=source("mri"))) == ["deep"]
