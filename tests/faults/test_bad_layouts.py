"""Class folders, case tables and patients' folders that contradict themselves."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

RNG = np.random.default_rng(0)


@pytest.fixture
def pictures() -> Path:
    """Two class folders of four radiographs with masks, in the current folder."""
    for name in ("Covid", "Normal"):
        for number in range(4):
            mask = np.zeros((20, 24), np.uint8)
            mask[4:12, 5 : 15 + number] = 255
            for part, array in (("images", RNG.integers(0, 255, (20, 24)).astype(np.uint8)), ("masks", mask)):
                path = Path("pictures") / name / part / f"{name}{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
    return Path("pictures")


@pytest.fixture
def patients() -> Path:
    """Three patients of the cardiac challenge, in the current folder."""
    for number in range(3):
        folder = Path("patients") / f"p{number}"
        folder.mkdir(parents=True)
        for frame in ("01", "09"):
            image = sitk.GetImageFromArray(RNG.normal(100, 20, (6, 7, 8)).astype(np.float32))
            sitk.WriteImage(image, folder / f"frame{frame}.nii")
        (folder / "gt.txt").write_text(f"{number}\n")
    return Path("patients")


def table(*rows: str, columns: str = "case_id,image.t1,target.grade") -> Path:
    image = sitk.GetImageFromArray(RNG.normal(100, 20, (6, 7, 8)).astype(np.float32))
    sitk.WriteImage(image, "t1.nii")
    Path("cases.csv").write_text("\n".join([columns, *rows]))
    return Path("cases.csv")


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def found(medweave, data: Path) -> dict[str, str]:
    """Return the severity of each finding by its kind; the exit code tells of errors."""
    result = medweave("inspect", data, "--json")
    findings = json.loads(result.stdout)["audit"]["findings"]
    assert result.code == any(finding["severity"] == "error" for finding in findings), result
    assert "Traceback" not in result.stderr
    return {finding["code"]: finding["severity"] for finding in findings}


def test_sound_pictures_have_no_finding(pictures, medweave):
    assert found(medweave, pictures) == {}


def test_an_empty_class_folder_is_refused(pictures, refuse):
    (pictures / "Viral" / "images").mkdir(parents=True)
    refuse("inspect", pictures, code=1, says=["class folder 'Viral' holds no image", "add images, remove the folder"])


def test_an_image_without_its_mask_is_said(pictures, medweave):
    (pictures / "Covid/masks/Covid2.png").unlink()
    assert found(medweave, pictures) == {"missing_label_map": "warning"}


def test_a_mask_without_its_image_is_said(pictures, medweave):
    (pictures / "Covid/images/Covid2.png").unlink()
    assert found(medweave, pictures) == {"mask_without_image": "warning"}


def test_a_mask_with_grey_values_is_an_error(pictures, medweave):
    Image.fromarray(RNG.integers(0, 255, (20, 24)).astype(np.uint8)).save(pictures / "Covid/masks/Covid2.png")
    assert found(medweave, pictures) == {"grey_mask": "error"}


@pytest.mark.parametrize("name", ["Covid2.png", "Covid2.jpg"])
def test_a_truncated_picture_is_an_error(name, pictures, medweave):
    path = pictures / "Covid/images/Covid2.png"
    Image.open(path).save(path.with_name(name))
    truncate(path.with_name(name))
    if name != path.name:
        path.unlink()
    assert found(medweave, pictures) == {"truncated": "error"}


def test_colour_and_16_bits_among_grey_pictures_are_converted_and_said(pictures, medweave):
    colour = RNG.integers(0, 255, (20, 24, 3)).astype(np.uint8)
    Image.fromarray(colour).save(pictures / "Covid/images/Covid1.png")
    Image.fromarray(RNG.integers(0, 65535, (20, 24)).astype(np.uint16)).save(pictures / "Normal/images/Normal1.png")
    assert found(medweave, pictures) == {"colour": "warning", "16_bit": "warning"}


def test_a_subject_in_two_classes_is_allowed_and_said(pictures, medweave):
    with (pictures / "metadata.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "patient_id"])
        for path in sorted(pictures.rglob("images/*.png")):
            rows.writerow([path.name, "one" if path.stem in ("Covid0", "Normal0") else path.stem])
    assert found(medweave, pictures) == {"subject_of_several_classes": "warning"}


def test_a_patient_without_end_systole_is_said_and_one_without_frames_an_error(patients, medweave):
    (patients / "p1/frame09.nii").unlink()
    assert found(medweave, patients) == {"missing_image": "warning", "small_class": "warning"}
    for frame in (patients / "p2").glob("frame*"):
        frame.unlink()
    (patients / "p2/Info.cfg").write_text("Group: DCM\n")
    assert medweave("inspect", patients).code == 1


def test_a_third_frame_is_refused(patients, refuse):
    (patients / "p1/frame05.nii").write_bytes((patients / "p1/frame09.nii").read_bytes())
    refuse("inspect", patients, code=1, says=["not clear which frame is end-systole (", "frames 1, 5, 9", "Info.cfg"])


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (("a,t1.nii,low", "a,t1.nii,low"), ["two cases have one name", "lines 2 and 3", "got a"]),
        (("a,t1.nii,low", "b,t2.nii,low"), ["names a file that is absent", "line 3, column image.t1", "got t2.nii"]),
        (("a,t1.nii",), ["too many or too few cells", "line 2"]),
        ((), ["holds no case"]),
    ],
)
def test_a_table_that_contradicts_itself_is_refused_with_the_line(rows, says, refuse):
    refuse("inspect", table(*rows), code=1, says=says)


def test_a_table_of_other_columns_is_explained(refuse):
    says = ["no column 'case_id'", "Did you mean 'caseid'?", "got columns caseid, image.t1", "data.layout"]
    refuse("inspect", table("a,t1.nii", columns="caseid,image.t1"), code=1, says=says)


def test_a_class_that_the_recipe_does_not_know_is_refused(refuse):
    rows = [f"{case_id},t1.nii,{grade}" for case_id, grade in (("a", "low"), ("b", "high"), ("c", "unknown"))]
    data = table(*rows)
    recipe = [
        "data.layout=table",
        "data.inputs={mri: {channels: [t1]}}",
        "data.heads={grade: {kind: classification, classes: [low, high]}}",
        "model.encoders={mri: {name: resnet, depth: 10}}",
        "model.heads={grade: {name: pooled_mlp}}",
        "losses={grade: {name: cross_entropy}}",
        "training.early_stopping.monitor=val/score",
        "preprocessing={}",
        "patches=null",
        "augmentation=[]",
    ]
    refuse(
        "check", "heart", "--data", data, *recipe, code=1, says=["a class that the recipe does not know", "got unknown"]
    )
