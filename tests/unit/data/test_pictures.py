from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medweave.data.case import Case
from medweave.data.examination import examine_all
from medweave.data.index import DatasetIndex
from medweave.data.pictures import picture_findings

RNG = np.random.default_rng(0)


@pytest.fixture
def facts(tmp_path: Path):
    arrays = {
        "grey.png": RNG.integers(0, 256, (20, 20), np.uint8),
        "grey_as_colour.png": np.repeat(RNG.integers(0, 256, (20, 20, 1), np.uint8), 3, axis=2),
        "colour.png": RNG.integers(0, 256, (20, 20, 3), np.uint8),
        "deep.png": RNG.integers(0, 65536, (20, 20), np.uint16),
    }
    for name, array in arrays.items():
        Image.fromarray(array).save(tmp_path / name)
    mask = np.zeros((20, 20), np.uint8)
    mask[5:12, 5:15] = 255
    Image.fromarray(mask).save(tmp_path / "mask.jpg")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    cases = [
        Case(
            name, name, {"photo": tmp_path / name}, {"photo": tmp_path / ("mask.jpg" if "deep" in name else "mask.png")}
        )
        for name in arrays
    ]
    return examine_all(DatasetIndex("x", tmp_path, "x", tuple(cases), {"photo": {"lungs": 1}}))


def test_what_is_converted_is_said_once_for_all(facts) -> None:
    assert [(finding.code, finding.case_ids) for finding in picture_findings("photo", facts)] == [
        ("colour", ("colour.png",)),
        ("16_bit", ("deep.png",)),
        ("jpeg_masks", ("deep.png",)),
    ]
    assert next(picture_findings("photo", facts)).message.startswith(
        "1 of 4 images 'photo' are in colour; a grey input"
    )


def test_masks_in_black_and_white_are_in_order(facts) -> None:
    assert [case.findings for case in facts] == [()] * 4
    assert {case.label_maps["photo"].voxels["lungs"] for case in facts} == {70}


def test_other_images_have_none(facts) -> None:
    assert list(picture_findings("scan", facts)) == []
