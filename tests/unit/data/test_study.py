from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.study import InputSource, SegmentationSource, StudySource, TargetSource, blame
from medweave.preprocessing.intensity import IntensityNormalisation
from medweave.preprocessing.pipeline import Preprocessor

SOURCE = StudySource(
    {"cine": InputSource(("ed", "es"), Preprocessor(intensity=IntensityNormalisation(method="none")))},
    {"heart": SegmentationSource("cine", "es", {"lv": 3})},
)


def write(path: Path, array: np.ndarray) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    images = {
        name: write(tmp_path / f"{name}.nii.gz", np.full((3, 4, 5), value, np.float32))
        for name, value in (("ed", 1), ("es", 2))
    }
    label_map = write(tmp_path / "es_gt.nii.gz", np.full((3, 4, 5), 3, np.uint8))
    return Case("p1", "p1", images, {"es": label_map})


def index_of(*cases: Case) -> DatasetIndex:
    return DatasetIndex("Study", Path("/data"), "msd", cases, {})


def test_images_are_stacked_in_the_order_of_the_recipe(case) -> None:
    image = SOURCE.read_input(case, "cine").image
    assert image.shape == (2, 5, 4, 3)
    assert (image[0] == 1).all()
    assert (image[1] == 2).all()


def test_label_map_is_that_of_the_heads_image(case) -> None:
    label_map = SOURCE.read_label_map(case, "heart")
    assert label_map is not None
    assert (sitk.GetArrayViewFromImage(label_map) == 3).all()


def test_case_without_the_label_map_has_none(case) -> None:
    assert SOURCE.read_label_map(Case("p1", "p1", case.images, {"ed": case.label_maps["es"]}), "heart") is None


def test_input_is_there_when_every_image_is(case) -> None:
    assert SOURCE.has_input(case, "cine")
    assert not SOURCE.has_input(Case("p1", "p1", {"ed": case.images["ed"]}), "cine")


def test_names_that_fit_are_accepted(case) -> None:
    SOURCE.check(index_of(case))


def test_image_that_no_case_has_is_refused(case) -> None:
    with pytest.raises(DataError, match=r"no case has the image 'es' of input 'cine' \(/data\): got images ed\. Fix"):
        SOURCE.check(index_of(Case("p1", "p1", {"ed": case.images["ed"]})))


@pytest.mark.parametrize(("label_maps", "got"), [({}, "nothing"), ({"ed": Path("ed.nii")}, "ed")])
def test_label_map_that_no_case_has_is_refused(case, label_maps, got) -> None:
    with pytest.raises(DataError, match=f"no case has a label map of 'es' for head 'heart' .*got label maps of {got}"):
        SOURCE.check(index_of(Case("p1", "p1", case.images, label_maps)))


def test_file_of_several_channels_is_refused_where_one_is_wanted(case, tmp_path) -> None:
    sitk.WriteImage(sitk.JoinSeries([sitk.Image(5, 4, 3, sitk.sitkFloat32)] * 2), str(case.images["ed"]))
    with pytest.raises(DataError, match=r"wrong number of channels \(case p1, .*ed\.nii\.gz\): got 3; wanted 2"):
        SOURCE.read_input(case, "cine")


@pytest.mark.parametrize(("colour", "expected"), [("grey", [[76]]), ("rgb", [[255], [0], [0]])])
def test_colour_becomes_what_the_input_wants(tmp_path, colour, expected) -> None:
    red = sitk.GetImageFromArray(np.tile(np.array([255, 0, 0], np.uint8), (4, 5, 1)), isVector=True)
    sitk.WriteImage(red, str(tmp_path / "a.png"))
    preprocessor = Preprocessor(spatial_dims=2, intensity=IntensityNormalisation(method="none"))
    source = StudySource({"photo": InputSource(("image",), preprocessor, colour)}, {})
    image = source.read_input(Case("p1", "p1", {"image": tmp_path / "a.png"}), "photo").image
    np.testing.assert_allclose(image[:, 0, 0], np.ravel(expected), atol=0.5)


def test_error_names_the_case_and_its_file(case) -> None:
    case.images["es"].write_bytes(b"")
    with pytest.raises(DataError, match=r"no content \(case p1, .*es\.nii\.gz\)"):
        SOURCE.read_input(case, "cine")
    write(case.images["es"], np.full((3, 4, 5), np.nan, np.float32))
    with pytest.raises(DataError, match=r"NaN or infinite values \(case p1, .*ed\.nii\.gz\)\. Fix: repair"):
        SOURCE.read_input(case, "cine")
    case.label_maps["es"].unlink()
    with pytest.raises(DataError, match=r"not found \(case p1, .*es_gt\.nii\.gz\)"):
        SOURCE.read_label_map(case, "heart")


def test_blame_keeps_every_part_of_the_message() -> None:
    with (
        pytest.raises(DataError, match=r"^wrong \(case p1, file\): got 1; wanted 2\. Fix: repair\.$"),
        blame(Case("p1", "p1", {}), "file"),
    ):
        raise DataError("wrong", got=1, wanted=2, fix="repair.")


def test_first_target_is_that_of_the_first_classification_head() -> None:
    targets = {"a": TargetSource("grade", ("low", "high")), "b": TargetSource("sex", ("f", "m"))}
    assert StudySource(SOURCE.inputs, SOURCE.heads, targets).first_target == "grade"
    assert SOURCE.first_target is None


DIAGNOSIS = TargetSource("group", ("NOR", "DCM", "HCM"), ignore=("unknown",))
SIGNS = TargetSource("signs", ("oedema", "nodule"), ignore=("unread",), multi_label=True)
WITH_CLASSES = StudySource(SOURCE.inputs, SOURCE.heads, {"diagnosis": DIAGNOSIS, "signs": SIGNS})


def of_class(**targets: str) -> Case:
    return Case("p1", "p1", {"ed": Path("ed.nii"), "es": Path("es.nii")}, targets=targets)


@pytest.mark.parametrize(
    ("written", "encoded"), [({"group": "DCM"}, 1), ({"group": "unknown"}, None), ({}, None), ({"other": "DCM"}, None)]
)
def test_a_class_is_its_place_and_an_ignored_one_is_none(written, encoded) -> None:
    assert DIAGNOSIS.encode(of_class(**written)) == encoded


@pytest.mark.parametrize(
    ("written", "encoded"),
    [("oedema", (1, 0)), ("nodule|oedema", (1, 1)), ("", (0, 0)), ("oedema|unread", None)],
)
def test_several_labels_are_a_yes_or_no_for_each(written, encoded) -> None:
    assert SIGNS.names(of_class(signs="nodule|oedema")) == ("oedema", "nodule")
    assert SIGNS.encode(of_class(signs=written)) == encoded


def test_without_the_target_no_label_is_known() -> None:
    assert SIGNS.encode(of_class()) is None


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (
            {"group": "dcm", "signs": ""},
            r"target 'group' has a class .*\(case p1\): got dcm; wanted NOR, DCM, HCM\. Fix: ",
        ),
        ({"group": "NOR", "signs": "oedema|mass"}, r"target 'signs' .*\(case p1\): got mass; wanted oedema, nodule"),
    ],
)
def test_a_class_that_the_recipe_does_not_know_is_refused_with_its_case(case, targets, message) -> None:
    with pytest.raises(DataError, match=message):
        WITH_CLASSES.check(index_of(replace(case, targets=targets)))


def test_a_target_that_no_case_has_is_refused_with_those_that_there_are(case) -> None:
    with pytest.raises(DataError, match=r"no case has the target 'signs' of head 'signs' .*: got targets group"):
        WITH_CLASSES.check(index_of(replace(case, targets={"group": "NOR"})))


@pytest.mark.parametrize(
    ("images", "label_maps", "targets", "is_usable"),
    [
        (("ed", "es"), ("es",), {}, True),
        (("ed", "es"), (), {"group": "NOR"}, True),
        (("ed", "es"), (), {"group": "unknown"}, False),
        (("ed", "es"), ("ed",), {}, False),
        (("ed",), ("es",), {}, False),
        (("ed",), (), {"group": "NOR"}, False),
    ],
)
def test_a_case_is_usable_with_a_truth_and_the_input_that_it_is_of(images, label_maps, targets, is_usable) -> None:
    case = Case("p1", "p1", dict.fromkeys(images, Path("i")), dict.fromkeys(label_maps, Path("l")), targets)
    assert WITH_CLASSES.is_usable(case) is is_usable


def test_a_mask_without_its_input_is_of_no_use_beside_another_input() -> None:
    source = StudySource({**SOURCE.inputs, "xray": InputSource(("xray",), Preprocessor(spatial_dims=2))}, SOURCE.heads)
    case = Case("p1", "p1", {"xray": Path("i")}, {"es": Path("l")})
    assert not source.is_usable(case)


def test_a_class_that_no_case_has_is_refused_with_those_that_there_are(case) -> None:
    source = StudySource(SOURCE.inputs, SOURCE.heads, {"diagnosis": DIAGNOSIS})
    cases = [replace(case, case_id=name, targets={"group": name}) for name in DIAGNOSIS.classes]
    source.check(index_of(*cases))
    message = (
        r"no case is of class HCM of head 'diagnosis' \(/data\): got classes DCM, NOR; wanted NOR, DCM, HCM\. Fix: "
    )
    with pytest.raises(DataError, match=message):
        source.check(index_of(*cases[:-1]))


def test_the_cases_that_are_left_out_are_named_with_the_reason() -> None:
    files = {name: Path(f"{name}.nii") for name in ("ed", "es")}
    cases = [
        Case("whole", "1", files, targets={"group": "NOR"}),
        *(Case(f"early{n}", "2", {"ed": files["ed"]}, targets={"group": "NOR"}) for n in range(4)),
        Case("late", "3", {"es": files["es"]}, {"es": files["es"]}),
        Case("silent", "4", files),
    ]
    source = StudySource(SOURCE.inputs, SOURCE.heads, {"diagnosis": DIAGNOSIS})
    assert source.left_out(cases) == [
        "4 of 7 cases are in no part, because input 'cine' lacks the image 'es' "
        "(cases early0, early1, early2 and 1 more)",
        "1 of 7 cases are in no part, because input 'cine' lacks the image 'ed' (cases late)",
        "1 of 7 cases are in no part, because they have neither a class that is asked for nor a label map on an image "
        "that they have (cases silent)",
    ]
