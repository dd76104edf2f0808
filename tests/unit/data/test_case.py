from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from medweave.data.case import Case


def test_paths_lists_images_before_label_maps() -> None:
    case = Case(
        "c1",
        "s1",
        images={"ed": Path("ed.nii"), "es": Path("es.nii")},
        label_maps={"ed": Path("ed_gt.nii")},
        targets={"diagnosis": "DCM"},
    )
    assert case.paths == [Path("ed.nii"), Path("es.nii"), Path("ed_gt.nii")]


def test_case_may_lack_label_maps_and_targets() -> None:
    case = Case("c1", "s1", images={"image": Path("a.nii")})
    assert (case.label_maps, case.targets, case.attributes) == ({}, {}, {})
    assert case.paths == [Path("a.nii")]


def test_case_cannot_be_changed() -> None:
    case = Case("c1", "s1", images={})
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'case_id'"):
        case.case_id = "c2"  # type: ignore[misc]
