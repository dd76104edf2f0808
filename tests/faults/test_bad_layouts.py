"""Class folders, case tables and patients' folders that contradict themselves."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from medweave.recipes.loader import dump_recipe, load_recipe

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


#: Changes to the recipe `heart` that make it one of the table above.
OF_GRADES = (
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
)


def grades(*found: str) -> Path:
    return table(*(f"{case_id},t1.nii,{grade}" for case_id, grade in zip("abcdef", found, strict=False)))


def test_a_class_that_the_recipe_does_not_know_is_refused(refuse):
    data = grades("low", "high", "unknown")
    says = ["a class that the recipe does not know", "got unknown"]
    refuse("check", "heart", "--data", data, *OF_GRADES, code=1, says=says)


def test_a_class_that_no_case_has_is_refused_before_any_file_is_read(refuse):
    data = grades("low", "low", "low")
    Path("t1.nii").write_bytes(b"no image")
    says = ["no case is of class high of head 'grade'", str(data.resolve().parent), "got classes low", "take it out of"]
    for command in (("check", "heart", "--data", data), ("train", "heart", "--data", data, "--output", "run")):
        refuse(*command, *OF_GRADES, code=1, says=says)


@pytest.mark.parametrize(
    ("found_grades", "says"),
    [(("low", "low"), "no case is of class high"), (("low", "high", "Low"), "got Low, wanted low, high")],
)
def test_what_train_would_refuse_is_an_error_of_inspect_with_the_recipe(found_grades, says, medweave):
    recipe = load_recipe("heart", OF_GRADES)
    Path("recipe.yaml").write_text(dump_recipe(recipe))
    result = medweave("inspect", grades(*found_grades), "--recipe", "recipe.yaml", "--json")
    findings = json.loads(result.stdout)["audit"]["findings"]
    (finding,) = [finding for finding in findings if finding["code"] == "unfit_for_recipe"]
    assert result.code == 1
    assert says in finding["message"]


def test_a_table_of_other_columns_than_the_recipe_describes_is_explained(refuse):
    data = table("a,t1.nii,low", columns="case_id,file,grade")
    layout = "data.layout={name: table, images: {t1: file}, targets: {grade: Grade}}"
    says = ["the table has no column 'Grade'", "Did you mean 'grade'?", "got columns case_id, file, grade"]
    refuse("check", "heart", "--data", data, *OF_GRADES, layout, code=1, says=says)


def mask_table(*masks: str) -> Path:
    rows = [f"{case_id},t1.nii,{mask}" for case_id, mask in zip("abcdef", masks, strict=False)]
    return table(*rows, columns="case_id,image.t1,label_map.t1")


def test_labels_that_no_head_reads_are_said_of_a_table_too(medweave):
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[2:4, 2:4, 2:4] = 1
    for name, array in (("good.nii", labels), ("bad.nii", labels * 30)):
        sitk.WriteImage(sitk.GetImageFromArray(array), name)
    data = mask_table("good.nii", "bad.nii")
    recipe = load_recipe(
        "heart", ["data.layout=table", "data.inputs={mri: {channels: [t1]}}", "data.heads.heart.of=t1"]
    )
    Path("recipe.yaml").write_text(dump_recipe(recipe))
    result = medweave("inspect", data, "--recipe", "recipe.yaml", "--json")
    findings = json.loads(result.stdout)["audit"]["findings"]
    (finding,) = [finding for finding in findings if finding["code"] == "unread_labels"]
    assert (result.code, finding["severity"], finding["case_ids"]) == (0, "warning", ["b"])
    assert "got [30]" in finding["message"]


def test_a_mask_with_grey_values_in_a_table_is_an_error(pictures, medweave):
    Image.fromarray(RNG.integers(0, 255, (20, 24)).astype(np.uint8)).save(pictures / "Covid/masks/Covid2.png")
    rows = [f"{path.stem},{path},{str(path).replace('images', 'masks')}" for path in pictures.rglob("images/*.png")]
    data = table(*rows, columns="case_id,image.image,label_map.image")
    recipe = load_recipe("chest_xray", ["data.layout=table"])
    Path("recipe.yaml").write_text(dump_recipe(recipe))
    result = medweave("inspect", data, "--recipe", "recipe.yaml", "--json")
    findings = json.loads(result.stdout)["audit"]["findings"]
    (finding,) = [finding for finding in findings if finding["code"] == "grey_mask"]
    assert (result.code, finding["severity"], finding["case_ids"]) == (1, "error", ["Covid2"])


def test_a_misspelt_column_is_said(medweave):
    data = table("a,t1.nii,t1.nii,low,7", columns="case_id,image.t1,label_maps.t1,targets.grade,dose.mg")
    result = medweave("inspect", data, "--json")
    messages = [finding["message"] for finding in json.loads(result.stdout)["audit"]["findings"]]
    assert messages == [
        "the column 'label_maps.t1' is taken for a further fact of the cases. Did you mean 'label_map.'?",
        "the column 'targets.grade' is taken for a further fact of the cases. Did you mean 'target.'?",
    ]


def test_metadata_without_the_subjects_column_and_rows_without_an_image_are_said(pictures, medweave):
    files = sorted(str(path.relative_to(pictures)) for path in pictures.rglob("images/*.png"))
    rows = [f"{file},{number}" for number, file in enumerate(files)]
    (pictures / "metadata.csv").write_text("\n".join(["file,patientid", *rows]))
    assert found(medweave, pictures) == {"metadata_ignored": "warning"}
    (pictures / "metadata.csv").write_text("\n".join(["file,patient_id", *rows, "Normal/images/Normal99.png,99"]))
    assert found(medweave, pictures) == {"row_without_image": "warning"}


def test_patients_that_lack_a_phase_are_left_out_and_named(patients, medweave):
    (patients / "p1/frame09.nii").unlink()
    for number in range(3, 12):
        shutil.copytree(patients / "p0", patients / f"p{number}")
        (patients / f"p{number}/gt.txt").write_text(f"{number % 5}\n")
    for frame in ("01", "09"):
        (patients / f"p0/frame{frame}_gt.nii").touch()
    result = medweave("check", "demo", "--data", patients)
    assert "1 of 12 cases are in no part, because input 'cine' lacks the image 'es' (cases p1)" in result.stderr
