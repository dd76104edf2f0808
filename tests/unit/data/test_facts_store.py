import logging
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data import examination
from medweave.data.case import Case
from medweave.data.examination import examine_all
from medweave.data.facts import CaseFacts, ImageFacts
from medweave.data.facts_store import FactsStore
from medweave.data.index import DatasetIndex
from medweave.preprocessing.cache import ArrayStore

STRUCTURES = {"image": {"atrium": 1, "ventricle": 2}}


@pytest.fixture
def store(tmp_path: Path) -> FactsStore:
    return FactsStore(ArrayStore(tmp_path / "store"))


@pytest.fixture
def examined(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cases whose files were read."""
    seen: list[str] = []

    def counted(case: Case, **options: Any) -> CaseFacts:
        seen.append(case.case_id)
        return examine(case, **options)

    examine = examination.examine
    monkeypatch.setattr(examination, "examine", counted)
    return seen


def write(path: Path, *, seed: int = 0, labels: bool = False) -> Path:
    generator = np.random.default_rng(seed)
    array = generator.integers(0, 3, (5, 6, 7)) if labels else generator.normal(100, 20, (5, 6, 7))
    image = sitk.GetImageFromArray(array.astype(np.uint8 if labels else np.float32))
    image.SetSpacing((1.1, 2.3, 1 / 3))
    sitk.WriteImage(image, str(path))
    return path


def case_of(folder: Path, **changes: Any) -> Case:
    case = Case(
        "case",
        "subject",
        {"image": write(folder / "i.nii")},
        {"image": write(folder / "l.nii", labels=True)},
        {"grade": "high"},
        {"sex": "f"},
    )
    return replace(case, **changes)


def facts_of(case: Case, store: FactsStore | None, **options: Any) -> CaseFacts:
    index = DatasetIndex("set", Path(), "msd", (case,), options.pop("structures", STRUCTURES))
    (facts,) = examine_all(index, store=store, **options)
    return facts


def assert_equal_in_all(found: CaseFacts, wanted: CaseFacts) -> None:
    """Compare the arrays too, which equality of facts leaves out."""
    assert found == wanted
    for name, image in wanted.images.items():
        for field in fields(ImageFacts):
            if field.name == "thumbnail":
                np.testing.assert_array_equal(found.images[name].thumbnail, image.thumbnail)
                assert found.images[name].thumbnail.dtype == image.thumbnail.dtype
        for mine, theirs in (
            (found.images[name].histogram, image.histogram),
            (found.images[name].foreground_histogram, image.foreground_histogram),
        ):
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert (mine.low, mine.high, mine.counts.tolist()) == (theirs.low, theirs.high, theirs.counts.tolist())


def test_files_are_read_once(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    wanted = facts_of(case, None)
    facts_of(case, store)
    assert examined == ["case", "case"]
    assert_equal_in_all(facts_of(case, store), wanted)
    assert examined == ["case", "case"]


def test_a_warning_is_recalled(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    sitk.WriteImage(sitk.ReadImage(str(case.label_maps["image"])) * 0, str(case.label_maps["image"]))
    wanted = facts_of(case, store)
    assert [finding.code for finding in wanted.findings] == ["empty_label_map"]
    assert facts_of(case, store).findings == wanted.findings
    assert examined == ["case"]


def test_what_the_index_says_now_counts(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    facts_of(case, store)
    found = facts_of(replace(case, subject_id="other", targets={"grade": "low"}, attributes={"sex": "m"}), store)
    assert (found.subject_id, found.targets, found.attributes) == ("other", {"grade": "low"}, {"sex": "m"})
    assert examined == ["case"]


def test_another_content_or_question_is_examined_anew(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    first = facts_of(case, store)
    write(case.images["image"], seed=1)
    assert facts_of(case, store).images["image"].sha256 != first.images["image"].sha256
    assert list(facts_of(case, store, structures={"image": {"all": 1}}).label_maps["image"].voxels) == ["all"]
    facts_of(case, store, spatial_dims={"image": 3})
    facts_of(replace(case, case_id="twin"), store)
    facts_of(replace(case, label_maps={}), store)
    assert examined == ["case", "case", "case", "case", "twin", "case"]


def test_facts_with_an_error_are_not_kept(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    case.images["image"].write_bytes(case.images["image"].read_bytes()[:600])
    for _ in range(2):
        assert [finding.severity for finding in facts_of(case, store).findings] == ["error"]
    assert examined == ["case", "case"]


def test_a_file_that_cannot_be_opened_is_a_finding_as_without_a_store(
    tmp_path: Path, store: FactsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = case_of(tmp_path)
    facts_of(case, store)

    def no_key(*_: object) -> str:
        raise DataError("file cannot be read")

    monkeypatch.setattr(ArrayStore, "key", no_key)
    assert store.key(case, {}) is None
    case.images["image"].write_bytes(b"")
    assert [finding.severity for finding in facts_of(case, store).findings] == ["error"]


def test_what_the_index_says_of_a_case_is_not_kept(tmp_path: Path, store: FactsStore) -> None:
    case = case_of(tmp_path, subject_id="Jane Doe", attributes={"born": "1970-01-01"})
    facts_of(case, store)
    (stored,) = store.arrays.root.rglob("facts.npy")
    content = np.load(stored).tobytes()
    assert b'"targets":{}' in content
    assert b"Jane" not in content
    assert b"born" not in content


def test_what_is_no_facts_is_examined_anew(tmp_path: Path, store: FactsStore, examined: list[str]) -> None:
    case = case_of(tmp_path)
    wanted = facts_of(case, store)
    (stored,) = store.arrays.root.rglob("facts.npy")
    content = np.load(stored)
    np.save(stored, np.full_like(content, ord(" ")))
    assert facts_of(case, store) == wanted
    assert examined == ["case", "case"]


def test_a_store_that_cannot_be_written_is_told_and_the_case_examined(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    case = case_of(tmp_path)
    store = FactsStore(ArrayStore(tmp_path / "file" / "store"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert facts_of(case, store) == facts_of(case, None)
    assert caplog.text.count("cannot write the preprocessing cache") == 1
