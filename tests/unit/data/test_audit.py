from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.audit import Audit, audit_index
from medweave.data.case import Case
from medweave.data.examination import examine_all
from medweave.data.finding import Finding
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan

REAL_DATA = Path(__file__).parents[3] / "../shared/data"
Array = NDArray[np.generic]


def texture(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(100, 20, (20, 21, 22)).astype(np.float32)


class Study:
    """A data set that grows case by case in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cases: list[Case] = []

    def add(
        self,
        case_id: str,
        *,
        image: Array | None = None,
        label_map: Array | None = None,
        spacing: tuple[float, ...] = (1, 1, 2),
        orientation: str = "LPS",
        subject_id: str | None = None,
        targets: Mapping[str, str] | None = None,
    ) -> None:
        arrays = {"image": texture(len(self.cases)) if image is None else image, "label_map": label_map}
        paths = {}
        for kind, array in arrays.items():
            if array is not None:
                written = sitk.GetImageFromArray(array.T)
                written.SetSpacing(spacing)
                paths[kind] = self.root / f"{case_id}_{kind}.nii.gz"
                sitk.WriteImage(sitk.DICOMOrient(written, orientation), str(paths[kind]))
        label_maps = {"mri": paths["label_map"]} if "label_map" in paths else {}
        self.cases.append(Case(case_id, subject_id or case_id, {"mri": paths["image"]}, label_maps, targets or {}))

    def audit(self) -> Audit:
        index = DatasetIndex("set", self.root, "msd", tuple(self.cases), {"mri": {"heart": 1}})
        return audit_index(index, examine_all(index))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Four good cases."""
    study = Study(tmp_path)
    for number in range(4):
        study.add(f"good{number}")
    return study


def only_finding(audit: Audit) -> Finding:
    (finding,) = audit.findings
    return finding


def test_good_data_have_no_finding(study: Study) -> None:
    assert study.audit() == Audit((), ())


def test_findings_of_cases_come_first_to_last_with_errors_on_top(study: Study) -> None:
    study.add("flat", image=np.zeros((20, 21, 22), np.float32), spacing=(1, 1, 9))
    audit = study.audit()
    assert [finding.code for finding in audit.findings] == ["empty_image", "spacing_outlier"]
    assert [finding.code for finding in audit.errors] == ["empty_image"]
    assert [finding.code for finding in audit.warnings] == ["spacing_outlier"]


def test_exact_duplicates_are_a_warning_and_one_group(study: Study) -> None:
    study.add("copy", image=texture(1))
    audit = study.audit()
    assert (only_finding(audit).severity, only_finding(audit).code) == ("warning", "exact_duplicates")
    assert audit.duplicate_groups == (("copy", "good1"),)


def test_duplicates_with_other_label_maps_say_so(tmp_path: Path) -> None:
    study = Study(tmp_path)
    label_map = np.zeros((20, 21, 22), np.uint8)
    label_map[5:9, 5:9, 5:9] = 1
    study.add("one", image=texture(0), label_map=label_map)
    study.add("two", image=texture(0), label_map=np.roll(label_map, 1, axis=0))
    finding = only_finding(study.audit())
    assert (finding.severity, finding.code, finding.case_ids) == ("warning", "exact_duplicates", ("one", "two"))
    assert "differ in their label maps" in finding.message


def test_duplicates_of_other_classes_say_so(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.add("one", image=texture(0), targets={"grade": "low"})
    study.add("two", image=texture(0), targets={"grade": "high"})
    (finding,) = [finding for finding in study.audit().findings if finding.code == "exact_duplicates"]
    assert finding.severity == "warning"
    assert "differ in their classes" in finding.message


def test_findings_of_the_layout_and_on_the_classes_are_among_the_others(study: Study) -> None:
    study.cases = [
        replace(case, targets={"grade": "low" if case.case_id == "good0" else "high"}) for case in study.cases
    ]
    stray = Finding.warning("mask_without_image", (), message="a mask has no image", fix="remove it.")
    index = DatasetIndex("set", study.root, "msd", tuple(study.cases), {}, (stray,))
    audit = audit_index(index, examine_all(index))
    assert [finding.code for finding in audit.findings] == ["mask_without_image", "small_class"]


def test_case_without_any_image_is_an_error(study: Study) -> None:
    study.cases.append(Case("empty", "empty", {}))
    audit = study.audit()
    assert [(finding.code, finding.case_ids) for finding in audit.errors] == [("no_image", ("empty",))]
    assert [finding.code for finding in audit.warnings] == ["missing_image"]


def test_pictures_in_colour_among_grey_ones_are_a_warning(tmp_path: Path) -> None:
    cases = []
    for number, shape in enumerate([(20, 30), (20, 30), (20, 30, 3)]):
        path = tmp_path / f"{number}.png"
        array = np.random.default_rng(number).integers(0, 255, shape).astype(np.uint8)
        sitk.WriteImage(sitk.GetImageFromArray(array, isVector=len(shape) == 3), str(path))
        cases.append(Case(str(number), str(number), {"photo": path}))
    index = DatasetIndex("set", tmp_path, "image_folders", tuple(cases), {})
    finding = only_finding(audit_index(index, examine_all(index)))
    assert (finding.severity, finding.code, finding.case_ids) == ("warning", "colour", ("2",))


def test_near_duplicates_are_found_and_joined_with_exact_ones(study: Study) -> None:
    noise = np.random.default_rng(99).normal(0, 1, (20, 21, 22)).astype(np.float32)
    study.add("noisy", image=3 * texture(2) + noise)
    study.add("copy", image=texture(2))
    audit = study.audit()
    assert [finding.code for finding in audit.findings] == ["exact_duplicates", "near_duplicates"]
    assert audit.findings[1].case_ids == ("copy", "good2", "noisy")
    assert audit.duplicate_groups == (("copy", "good2", "noisy"),)


def test_alike_images_of_one_subject_are_expected(study: Study) -> None:
    study.add("follow-up", image=texture(2) * 2, subject_id="good2")
    assert study.audit().findings == ()


def test_spacing_outlier_is_found_whatever_the_axis_order(study: Study) -> None:
    study.add("turned", orientation="SLP")
    assert [finding.code for finding in study.audit().findings] == ["mixed_orientations"]
    study.add("thick", spacing=(1, 1, 6.5))
    outlier = study.audit().findings[1]
    assert (outlier.code, outlier.case_ids) == ("spacing_outlier", ("thick",))
    assert "got (1.0, 1.0, 6.5) mm, median (1.0, 1.0, 2.0) mm" in outlier.message


def test_mixed_orientations_name_the_unusual_cases(study: Study) -> None:
    study.add("other", orientation="RAS")
    finding = only_finding(study.audit())
    assert (finding.code, finding.case_ids) == ("mixed_orientations", ("other",))
    assert "LPS in 4, RAS in 1" in finding.message


def test_missing_label_maps_are_counted(study: Study) -> None:
    label_map = np.ones((20, 21, 22), np.uint8)
    study.add("labelled", label_map=label_map)
    finding = only_finding(study.audit())
    assert (finding.severity, finding.code) == ("warning", "missing_label_map")
    assert finding.case_ids == ("good0", "good1", "good2", "good3")
    assert "4 of 5 cases" in finding.message


def test_mixed_channels_and_dimensions_are_errors(study: Study) -> None:
    channels = [sitk.GetImageFromArray(texture(50 + seed)) for seed in range(2)]
    sitk.WriteImage(sitk.JoinSeries(channels), str(study.root / "two.nii.gz"))
    study.cases.append(Case("two", "two", {"mri": study.root / "two.nii.gz"}))
    sitk.WriteImage(sitk.GetImageFromArray(np.eye(30, dtype=np.uint8)), str(study.root / "flat.png"))
    study.cases.append(Case("flat", "flat", {"mri": study.root / "flat.png"}))
    errors = {finding.code: finding for finding in study.audit().errors}
    assert errors["mixed_channels"].case_ids == ("two",)
    assert errors["mixed_channels"].message == "images 'mri' have 2 channels; most have 1"
    assert errors["mixed_dimensions"].case_ids == ("flat",)


def test_one_content_under_two_names_is_found(study: Study) -> None:
    repeated = replace(study.cases[0], images={"t1": study.cases[0].images["mri"], "t2": study.cases[0].images["mri"]})
    study.cases = [repeated]
    assert only_finding(study.audit()).code == "repeated_image"
    assert "t1 and t2" in only_finding(study.audit()).message


def test_nothing_readable_is_audited_too(tmp_path: Path) -> None:
    study = Study(tmp_path)
    study.cases = [Case("absent", "absent", {"mri": tmp_path / "absent.nii.gz"})]
    assert only_finding(study.audit()).code == "unreadable"


def test_audit_is_saved_and_loaded(study: Study, tmp_path: Path) -> None:
    study.add("copy", image=texture(1), spacing=(1, 1, 2))
    study.add("flat", image=np.zeros((20, 21, 22), np.float32))
    audit = study.audit()
    audit.save(tmp_path / "audit.json")
    assert len(audit.findings) == 2
    assert Audit.load(tmp_path / "audit.json") == audit


@pytest.mark.real_data
@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="../shared/data is absent")
class TestRealData:
    def test_no_two_of_40_hippocampi_are_taken_for_copies(self) -> None:
        index = scan(REAL_DATA / "msd_hippocampus")
        index = index.subset([case.case_id for case in index.cases][:40])
        assert audit_index(index, examine_all(index)) == Audit((), ())

    def test_the_heart_set_holds_one_image_twice(self) -> None:
        index = scan(REAL_DATA / "msd_heart_2p5mm").subset(["la_003", "la_005", "la_026"])
        audit = audit_index(index, examine_all(index))
        assert audit.duplicate_groups == (("la_005", "la_026"),)
        assert only_finding(audit).severity == "warning"


def test_a_label_map_without_its_image_is_said(study: Study) -> None:
    (case, *others) = study.cases
    path = study.root / "stray.nii"
    study.cases = [replace(case, label_maps={**case.label_maps, "other": path}), *others]
    index = DatasetIndex("set", study.root, "msd", tuple(study.cases), {})
    found = [finding for finding in audit_index(index, []).findings if finding.code == "mask_without_image"]
    assert [(finding.severity, finding.case_ids, finding.path) for finding in found] == [
        ("warning", (case.case_id,), path)
    ]


def test_labels_that_no_head_reads_are_one_warning_for_all_cases(tmp_path: Path) -> None:
    study = Study(tmp_path)
    for name, others in (("a", ()), ("b", (4, 9)), ("c", (5, 9))):
        label_map = np.zeros((20, 21, 22), np.uint8)
        label_map[2:5] = 1
        for position, value in enumerate(others):
            label_map[6 + position] = value
        study.add(name, label_map=label_map)
    index = DatasetIndex(
        "set", tmp_path, "table", tuple(study.cases), {"mri": {"heart": 1}}, structures_of_recipe=frozenset({"mri"})
    )
    finding = only_finding(audit_index(index, examine_all(index)))
    assert (finding.code, finding.severity, finding.case_ids) == ("unread_labels", "warning", ("b", "c"))
    assert finding.message == (
        "2 label maps of 'mri' with labels that no head reads; got [4, 5, 9], read are {'heart': 1}"
    )
