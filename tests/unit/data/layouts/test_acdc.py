from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.data.layouts.acdc import AcdcLayout


def patient(
    root: Path, name: str = "patient001", *, info: str | None = "ED: 1\nES: 12\nGroup: DCM\n", files=None
) -> Path:
    """Write a patient as the challenge ships it."""
    folder = root / name
    folder.mkdir(parents=True)
    if info is not None:
        (folder / "Info.cfg").write_text(info)
    for file in files if files is not None else ("frame01", "frame01_gt", "frame12", "frame12_gt"):
        (folder / f"{name}_{file}.nii.gz").touch()
    (folder / f"{name}_4d.nii.gz").touch()
    return folder


def renamed(
    root: Path, name: str = "p0001", *, label: str | None = "2", frames=("01", "12"), suffix: str = ".nii"
) -> Path:
    """Write a patient as system S0 keeps it."""
    folder = root / name
    folder.mkdir(parents=True)
    for frame in frames:
        (folder / f"frame{frame}{suffix}").touch()
    (folder / "frame01_gt.nii").touch()
    if label is not None:
        (folder / "gt.txt").write_text(f"{label}\n")
    return folder


def names(paths) -> dict[str, str]:
    return {name: path.name for name, path in paths.items()}


def test_patient_of_the_challenge_has_two_phases_with_masks_and_a_diagnosis(tmp_path: Path) -> None:
    patient(tmp_path, info="ED: 1\nES: 12\nGroup: DCM\nHeight: 184.0\nNbFrame: 30\nWeight: 95.0\n")
    index = AcdcLayout().scan(tmp_path)
    (case,) = index.cases
    assert (case.case_id, case.subject_id, index.layout) == ("patient001", "patient001", "acdc")
    assert names(case.images) == {"ed": "patient001_frame01.nii.gz", "es": "patient001_frame12.nii.gz"}
    assert names(case.label_maps) == {"ed": "patient001_frame01_gt.nii.gz", "es": "patient001_frame12_gt.nii.gz"}
    assert case.targets == {"diagnosis": "DCM"}
    assert case.attributes == {"height_cm": "184.0", "weight_kg": "95.0"}
    assert index.structures["ed"] == index.structures["es"] == {"rv": 1, "myocardium": 2, "lv": 3}


def test_info_orders_the_phases_not_the_frame_numbers(tmp_path: Path) -> None:
    patient(tmp_path, info="ED: 12\nES: 1\n")
    (case,) = AcdcLayout().scan(tmp_path).cases
    assert names(case.images) == {"ed": "patient001_frame12.nii.gz", "es": "patient001_frame01.nii.gz"}
    assert case.targets == {}


def test_without_info_frame_01_is_end_diastole_and_the_other_end_systole(tmp_path: Path) -> None:
    renamed(tmp_path)
    (case,) = AcdcLayout().scan(tmp_path).cases
    assert names(case.images) == {"ed": "frame01.nii", "es": "frame12.nii"}
    assert names(case.label_maps) == {"ed": "frame01_gt.nii"}
    assert case.targets == {"diagnosis": "DCM"}


def test_missing_end_systole_is_a_missing_image(tmp_path: Path) -> None:
    renamed(tmp_path, frames=("01",))
    patient(tmp_path, files=("frame01", "frame01_gt"))
    assert [names(case.images).keys() for case in AcdcLayout().scan(tmp_path).cases] == [{"ed"}, {"ed"}]


def test_missing_end_diastole_is_a_missing_image(tmp_path: Path) -> None:
    renamed(tmp_path, frames=("12",))
    index = AcdcLayout().scan(tmp_path)
    assert names(index.cases[0].images) == {"es": "frame12.nii"}
    assert names(index.cases[0].label_maps) == {"ed": "frame01_gt.nii"}
    assert index.findings == ()  # the audit finds the mask without its image


def test_mask_of_a_frame_that_is_no_phase_and_absent_is_said(tmp_path: Path) -> None:
    folder = renamed(tmp_path, frames=("01", "12"))
    (folder / "frame05_gt.nii").touch()
    (finding,) = AcdcLayout().scan(tmp_path).findings
    assert (finding.code, finding.severity, finding.case_ids) == ("mask_without_image", "warning", ("p0001",))
    assert finding.path == folder / "frame05_gt.nii"


@pytest.mark.parametrize("folder", ["", "training"])
def test_a_diagnosis_file_beside_the_patients_is_none_of_a_patient(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    renamed(tmp_path / folder)
    (tmp_path / folder / "gt.txt").write_text("0")
    assert [case.case_id for case in AcdcLayout().scan(tmp_path).cases] == ["p0001"]


def test_a_folder_with_nothing_but_a_diagnosis_is_not_of_this_layout(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("0")
    assert not AcdcLayout().matches(tmp_path)
    (tmp_path / "Covid").mkdir()
    (tmp_path / "Covid/gt.txt").write_text("0")
    assert not AcdcLayout().matches(tmp_path)


def test_patient_with_a_diagnosis_alone_is_a_case_without_images(tmp_path: Path) -> None:
    renamed(tmp_path)
    (tmp_path / "p0002").mkdir()
    (tmp_path / "p0002/gt.txt").write_text("0")
    assert [names(case.images).keys() for case in AcdcLayout().scan(tmp_path).cases] == [{"ed", "es"}, set()]


@pytest.mark.parametrize("written", ["nan", "inf", "one", ""])
def test_a_frame_that_is_no_number_is_refused_with_a_fix(tmp_path: Path, written: str) -> None:
    folder = renamed(tmp_path)
    (folder / "Info.cfg").write_text(f"ED: {written}\nES: 12\n")
    message = (
        rf"ED is not a number \(.*Info\.cfg\): got {written or 'nothing'}; wanted a number such as 12\. Fix: correct"
    )
    with pytest.raises(DataError, match=message):
        AcdcLayout().scan(tmp_path)


def test_patient_without_frames_is_a_case_without_images(tmp_path: Path) -> None:
    patient(tmp_path, files=())
    assert AcdcLayout().scan(tmp_path).cases[0].images == {}


def test_several_other_frames_are_refused(tmp_path: Path) -> None:
    folder = renamed(tmp_path, frames=("01", "07", "12"))
    with pytest.raises(DataError, match=rf"not clear which frame is end-systole \({folder}\): got frames 1, 7, 12"):
        AcdcLayout().scan(tmp_path)


def test_info_that_names_other_frames_than_there_are_is_refused(tmp_path: Path) -> None:
    patient(tmp_path, files=("frame01", "frame02"))
    with pytest.raises(DataError, match=r"names a frame that is absent.*got frames 1, 2; wanted ED 1, ES 12"):
        AcdcLayout().scan(tmp_path)


def test_frame_of_two_suffixes_is_refused(tmp_path: Path) -> None:
    folder = renamed(tmp_path)
    (folder / "frame12.nii.gz").touch()
    with pytest.raises(DataError, match=r"a frame is stored twice .*got frame12\.nii and frame12\.nii\.gz"):
        AcdcLayout().scan(tmp_path)


@pytest.mark.parametrize(
    ("label", "diagnosis"),
    [("0", "NOR"), ("1", "MINF"), ("3", "HCM"), ("4", "RV"), ("ARV", "RV"), ("rv", "RV"), ("HCM", "HCM"), (None, None)],
)
def test_label_file_holds_a_number_or_a_name(tmp_path: Path, label: str | None, diagnosis: str | None) -> None:
    renamed(tmp_path, label=label)
    assert AcdcLayout().scan(tmp_path).cases[0].targets == ({"diagnosis": diagnosis} if diagnosis else {})


def test_numbers_may_start_at_1(tmp_path: Path) -> None:
    renamed(tmp_path, label="5")
    assert AcdcLayout(first_class=1).scan(tmp_path).cases[0].targets == {"diagnosis": "RV"}
    with pytest.raises(DataError, match=r"unknown diagnosis \(.*gt\.txt\): got 5; wanted .* a number from 0 to 4"):
        AcdcLayout().scan(tmp_path)


@pytest.mark.parametrize("label", ["", "-1", "healthy"])
def test_unknown_diagnosis_is_refused(tmp_path: Path, label: str) -> None:
    renamed(tmp_path, label=label)
    with pytest.raises(DataError, match="unknown diagnosis"):
        AcdcLayout().scan(tmp_path)


@pytest.mark.parametrize("line", ["ED: one", "Height: tall"])
def test_number_of_info_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    patient(tmp_path, info=f"ED: 1\nES: 12\n{line}\n")
    with pytest.raises(DataError, match=r"Info\.cfg: \w+ is not a number .*got (one|tall)"):
        AcdcLayout().scan(tmp_path)


def test_patients_may_lie_in_training_and_testing(tmp_path: Path) -> None:
    patient(tmp_path / "database/training", "patient002")
    patient(tmp_path / "database/testing", "patient001")
    index = AcdcLayout().scan(tmp_path)
    assert [case.case_id for case in index.cases] == ["patient001", "patient002"]


def test_folder_of_one_patient_is_a_data_set(tmp_path: Path) -> None:
    folder = patient(tmp_path)
    assert AcdcLayout().matches(folder)
    assert [case.case_id for case in AcdcLayout().scan(folder).cases] == ["patient001"]


def test_files_of_macos_archives_are_skipped(tmp_path: Path) -> None:
    folder = renamed(tmp_path)
    (folder / "._frame07.nii").touch()
    assert names(AcdcLayout().scan(tmp_path).cases[0].images) == {"ed": "frame01.nii", "es": "frame12.nii"}


@pytest.mark.real_data
def test_real_patients_have_both_phases_and_their_diagnosis(shared_data: Path) -> None:
    cases = AcdcLayout().scan(shared_data / "acdc").cases
    rows = (shared_data / "acdc/metadata.csv").read_text().splitlines()[1:]
    assert {case.case_id: case.targets["diagnosis"] for case in cases} == dict(row.split(",") for row in rows)
    assert all(len(case.images) == len(case.label_maps) == 2 for case in cases)
