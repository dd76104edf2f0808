import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError, RunError
from medweave.data import preparation
from medweave.data.case import Case
from medweave.data.preparation import prepare
from medweave.data.study import InputSource, SegmentationSource, StudySource, TargetSource
from medweave.preprocessing.cache import ArrayStore
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor

LABELS = np.random.default_rng(0).choice([0, 2, 5, 7], size=(6, 7, 8)).astype(np.uint8)


def source(**changes) -> StudySource:
    preprocessor = Preprocessor(intensity=IntensityNormalisation(method="none"), **changes)
    return StudySource(
        {"mri": InputSource(("image",), preprocessor)},
        {"heart": SegmentationSource("mri", "image", {"right": 5, "left": 2})},
    )


def write_case(folder: Path, name: str, *, seed: int, labelled: bool = True) -> Case:
    image = sitk.GetImageFromArray(np.random.default_rng(seed).normal(size=(8, 7, 6)).astype(np.float32))
    label_map = sitk.GetImageFromArray(LABELS.T.copy())
    for picture in (image, label_map):
        picture.SetSpacing((1.0, 1.5, 2.0))
    paths = folder / f"{name}.nii.gz", folder / f"{name}_gt.nii.gz"
    sitk.WriteImage(image, str(paths[0]))
    sitk.WriteImage(label_map, str(paths[1]))
    return Case(name, name, {"image": paths[0]}, {"image": paths[1]} if labelled else {})


@pytest.fixture
def cases(tmp_path: Path) -> list[Case]:
    return [write_case(tmp_path, name, seed=seed) for seed, name in enumerate("abc")]


@pytest.fixture
def store(tmp_path: Path) -> ArrayStore:
    return ArrayStore(tmp_path / "store")


def test_second_preparation_computes_nothing(cases, store) -> None:
    counted = []
    first = prepare(cases, source(), store=store, workers=2, on_case=lambda: counted.append(1))
    second = prepare(cases, source(), store=store, workers=2)
    assert (first.computed, second.computed, len(counted)) == (3, 0, 3)
    assert second.cases == first.cases
    assert [case.case_id for case in first.cases] == ["a", "b", "c"]


@pytest.mark.parametrize("part", ["images", "label_maps"])
def test_changed_file_is_computed_anew(cases, store, part) -> None:
    before = prepare(cases, source(), store=store, workers=1)
    path = getattr(cases[1], part)["image"]
    sitk.WriteImage(sitk.ReadImage(str(path)) + 1, str(path))
    after = prepare(cases, source(), store=store, workers=1)
    assert after.computed == 1
    assert [old.key == new.key for old, new in zip(before.cases, after.cases, strict=True)] == [True, False, True]


def test_touched_or_copied_file_is_not(cases, store, tmp_path) -> None:
    prepare(cases, source(), store=store, workers=1)
    copy = Case("z", "z", {"image": tmp_path / "z.nii.gz"}, cases[0].label_maps)
    shutil.copyfile(cases[0].images["image"], copy.images["image"])
    assert prepare([copy], source(), store=store, workers=1).computed == 0


def test_changed_setting_or_structure_is_computed_anew(cases, store) -> None:
    prepare(cases[:1], source(), store=store, workers=1)
    assert prepare(cases[:1], source(spacing_mm=(2.0, 2.0, 2.0)), store=store, workers=1).computed == 1
    other = StudySource(source().inputs, {"heart": SegmentationSource("mri", "image", {"right": 2, "left": 5})})
    assert prepare(cases[:1], other, store=store, workers=1).computed == 1
    in_colour = StudySource({"mri": replace(source().inputs["mri"], colour="rgb")}, source().heads)
    assert prepare(cases[:1], in_colour, store=store, workers=1).computed == 1
    assert prepare(cases[:1], source(), store=store, workers=1).computed == 0


def test_structures_in_another_order_have_other_labels(cases, store) -> None:
    turned = StudySource(source().inputs, {"heart": SegmentationSource("mri", "image", {"left": 2, "right": 5})})
    prepare(cases[:1], source(), store=store, workers=1)
    (prepared,) = prepare(cases[:1], turned, store=store, workers=1).cases
    np.testing.assert_array_equal(prepared.arrays()["labels.heart"], np.select([LABELS == 2, LABELS == 5], [1, 2], 0))


def test_inputs_that_exchange_their_images_have_each_their_own(cases, store) -> None:
    case = Case("a", "a", {"t1": cases[0].images["image"], "t2": cases[1].images["image"]})
    preprocessor = source().inputs["mri"].preprocessor
    for names in (("first", "second"), ("second", "first")):
        inputs = {name: InputSource((image,), preprocessor) for name, image in zip(names, case.images, strict=True)}
        (prepared,) = prepare([case], StudySource(inputs, {}), store=store, workers=1).cases
        for name, path in zip(names, case.images.values(), strict=True):
            np.testing.assert_array_equal(prepared.arrays()[f"image.{name}"][0], to_array(sitk.ReadImage(str(path))))


def test_arrays_are_those_of_the_files(cases, store) -> None:
    (prepared,) = prepare(cases[:1], source(), store=store, workers=1).cases
    arrays = prepared.arrays()
    image = sitk.ReadImage(str(cases[0].images["image"]))
    np.testing.assert_array_equal(arrays["image.mri"][0], to_array(image))
    # The k-th structure of the recipe becomes k, every other value background.
    expected = np.select([LABELS == 5, LABELS == 2], [1, 2], 0)
    np.testing.assert_array_equal(arrays["labels.heart"], expected)
    assert {name: array.dtype.name for name, array in arrays.items()} == {
        "image.mri": "float32",
        "grids.mri": "float64",
        "labels.heart": "uint8",
        "foreground.heart": "int32",
    }
    assert all(isinstance(array, np.memmap) for array in arrays.values())
    inputs = prepared.inputs()
    assert inputs["mri"].native_grid == inputs["mri"].grid == Grid.of(image)


def test_values_of_one_structure_are_prepared_alike(cases, store) -> None:
    prepare(cases[:1], source(), store=store, workers=1)
    head = SegmentationSource("mri", "image", {"right": 5, "left": 2}, merged_values={7: 5})
    merged = StudySource(source().inputs, {"heart": head})
    preparation = prepare(cases[:1], merged, store=store, workers=1)
    assert preparation.computed == 1
    labels = preparation.cases[0].arrays()["labels.heart"]
    np.testing.assert_array_equal(labels == 1, np.isin(LABELS, [5, 7]))
    np.testing.assert_array_equal(labels == 2, LABELS == 2)


def test_foreground_lists_the_voxels_of_each_class(cases, store) -> None:
    (prepared,) = prepare(cases[:1], source(), store=store, workers=1).cases
    arrays = prepared.arrays()
    expected = np.argwhere(arrays["labels.heart"] > 0)
    rows = arrays["foreground.heart"]
    assert sorted(map(tuple, rows[:, 1:])) == sorted(map(tuple, expected))
    np.testing.assert_array_equal(arrays["labels.heart"][tuple(rows[:, 1:].T)], rows[:, 0])


def test_foreground_of_a_large_structure_is_thinned_evenly(cases, store, monkeypatch) -> None:
    monkeypatch.setattr(preparation, "FOREGROUND_VOXELS", 10)
    (prepared,) = prepare(cases[:1], source(), store=store, workers=1).cases
    rows = prepared.arrays()["foreground.heart"]
    assert np.bincount(rows[:, 0]).tolist() == [0, 10, 10]
    assert np.ptp(rows[:10, 1]) == 5


def test_case_without_label_map_has_no_labels(store, tmp_path) -> None:
    case = write_case(tmp_path, "d", seed=3, labelled=False)
    (prepared,) = prepare([case], source(), store=store, workers=1).cases
    assert prepared.arrays().keys() == {"image.mri", "grids.mri"}


def test_case_without_the_image_has_nothing(store, tmp_path) -> None:
    case = write_case(tmp_path, "d", seed=3)
    without = Case("d", "d", {"other": case.images["image"]}, case.label_maps)
    (prepared,) = prepare([without], source(), store=store, workers=1).cases
    assert prepared.arrays() == prepared.inputs() == {}


def test_absent_structure_has_no_foreground(cases, store) -> None:
    absent = StudySource(source().inputs, {"heart": SegmentationSource("mri", "image", {"lung": 99})})
    (prepared,) = prepare(cases[:1], absent, store=store, workers=1).cases
    assert prepared.arrays()["foreground.heart"].shape == (0, 4)


def test_unreadable_case_is_named(cases, store) -> None:
    cases[1].images["image"].write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"cannot be read \(case b, .*b\.nii\.gz\)"):
        prepare(cases, source(), store=store, workers=2)


def test_absent_file_is_named(cases, store) -> None:
    cases[2].label_maps["image"].unlink()
    with pytest.raises(DataError, match=r"cannot be read \(case c, .*c_gt\.nii\.gz\)"):
        prepare(cases, source(), store=store, workers=2)


def test_arrays_removed_while_in_use_are_an_error_of_the_run(cases, store) -> None:
    (prepared,) = prepare(cases[:1], source(), store=store, workers=1).cases
    shutil.rmtree(store.root)
    with pytest.raises(RunError, match=r"removed while in use \(case a, .*store\)\. Fix: start again"):
        prepared.arrays()


def test_targets_are_encoded_and_change_nothing_in_the_store(cases, store) -> None:
    side = TargetSource("side", ("left", "right"), ignore=("both",))
    signs = TargetSource("signs", ("a", "b"), multi_label=True)
    with_classes = replace(source(), targets={"side": side, "signs": signs})
    targets = [{"side": "right", "signs": "b"}, {"side": "both", "signs": ""}, {}]
    labelled = [replace(case, targets=target) for case, target in zip(cases, targets, strict=True)]
    assert prepare(cases, source(), store=store, workers=1).computed == 3
    prepared = prepare(labelled, with_classes, store=store, workers=1)
    assert prepared.computed == 0
    assert [case.targets for case in prepared.cases] == [{"side": 1, "signs": (0, 1)}, {"signs": (0, 0)}, {}]


def test_an_unknown_class_is_named_with_its_case(cases, store) -> None:
    with_classes = replace(source(), targets={"side": TargetSource("side", ("left", "right"))})
    with pytest.raises(DataError, match=r"target 'side' .*\(case a\): got up; wanted left, right"):
        prepare([replace(cases[0], targets={"side": "up"})], with_classes, store=store, workers=1)
