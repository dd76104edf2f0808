from pathlib import Path

import pytest

from medweave.core.errors import DataError, UsageError
from medweave.data.layouts.image_folders import ImageFoldersLayout


def study(root: Path, *files: str) -> Path:
    for file in files or (
        "Covid/images/p1_a.png",
        "Covid/images/p1_b.JPG",
        "Covid/masks/p1_b.png",
        "Normal/images/n.png",
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def metadata(root: Path, *rows: str, columns: str = "file,class,patient_id,source", name: str = "metadata.csv") -> None:
    (root / name).write_text("\n".join([columns, *rows]))


def test_each_image_is_a_case_with_its_folder_as_class(tmp_path: Path) -> None:
    index = ImageFoldersLayout(structure="lungs").scan(study(tmp_path))
    assert [case.case_id for case in index.cases] == ["n", "p1_a", "p1_b"]
    assert [case.targets for case in index.cases] == [{"class": "Normal"}, {"class": "Covid"}, {"class": "Covid"}]
    assert [case.subject_id for case in index.cases] == ["n", "p1_a", "p1_b"]
    assert index.cases[2].images == {"image": tmp_path / "Covid/images/p1_b.JPG"}
    assert (index.layout, index.structures) == ("image_folders", {"image": {"lungs": 1}})


def test_mask_is_that_of_the_same_name_with_any_suffix(tmp_path: Path) -> None:
    cases = ImageFoldersLayout().scan(study(tmp_path)).cases
    assert [case.label_maps for case in cases] == [{}, {}, {"image": tmp_path / "Covid/masks/p1_b.png"}]


def test_images_may_lie_in_the_class_folder_itself(tmp_path: Path) -> None:
    index = ImageFoldersLayout().scan(
        study(tmp_path, "A/x.png", "B/y.bmp", "B/masks/y.png", "B/notes.txt", ".git/z.png")
    )
    assert [(case.case_id, case.targets["class"], len(case.label_maps)) for case in index.cases] == [
        ("x", "A", 0),
        ("y", "B", 1),
    ]


def test_name_in_two_classes_is_told_apart_by_the_class(tmp_path: Path) -> None:
    cases = ImageFoldersLayout().scan(study(tmp_path, "A/1.png", "B/1.png", "B/2.png")).cases
    assert [(case.case_id, case.subject_id) for case in cases] == [("2", "2"), ("A_1", "A_1"), ("B_1", "B_1")]


def test_name_twice_in_a_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"two cases have one name \(A_1\)"):
        ImageFoldersLayout().scan(study(tmp_path, "A/1.png", "A/1.jpg"))


def test_mask_without_its_image_is_said(tmp_path: Path) -> None:
    index = ImageFoldersLayout().scan(study(tmp_path, "A/images/1.png", "A/masks/2.png", "A/masks/1.png"))
    (finding,) = index.findings
    assert (finding.code, finding.severity) == ("mask_without_image", "warning")
    assert finding.where == str(tmp_path / "A/masks/2.png")


def test_two_masks_of_one_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"an image has two masks .*1\.png\): got 1\.jpg and 1\.png"):
        ImageFoldersLayout().scan(study(tmp_path, "A/images/1.png", "A/masks/1.png", "A/masks/1.jpg"))


def test_empty_class_folder_is_refused(tmp_path: Path) -> None:
    (study(tmp_path) / "Viral" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"class folder 'Viral' holds no image .*Fix: add images, remove the folder"):
        ImageFoldersLayout().scan(tmp_path)
    assert len(ImageFoldersLayout(classes=("Normal", "Covid")).scan(tmp_path).cases) == 3


def test_missing_class_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"class folder 'Viral' is missing \(.*\): got folders Normal\. Fix"):
        ImageFoldersLayout(classes=("Normal", "Viral")).scan(study(tmp_path))


def test_subject_is_the_group_of_the_pattern(tmp_path: Path) -> None:
    study(tmp_path, "A/p1_a.png", "A/p1_b.png", "B/p2_a.png")
    cases = ImageFoldersLayout(subject_pattern=r"^(p\d+)_").scan(tmp_path).cases
    assert [case.subject_id for case in cases] == ["p1", "p1", "p2"]


def test_name_in_which_the_pattern_is_not_found_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"subject cannot be told from an image's name .*n\.png"):
        ImageFoldersLayout(subject_pattern=r"^(p\d+)_").scan(study(tmp_path))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(p", "is no regular expression: got"), (r"p\d+", "needs one group"), ("(p)(q)", "needs one group")],
)
def test_wrong_pattern_is_wrong_usage(pattern: str, message: str) -> None:
    with pytest.raises(UsageError, match=rf"subject_pattern {message}"):
        ImageFoldersLayout(subject_pattern=pattern)


def test_metadata_tell_the_subject_and_further_facts(tmp_path: Path) -> None:
    rows = ("Covid/images/p1_a.png,Covid,7,web", "Covid/images/p1_b.JPG,Covid,7,", "n.png,Normal,8,hospital")
    metadata(study(tmp_path), *rows)
    cases = ImageFoldersLayout().scan(tmp_path).cases
    assert [case.subject_id for case in cases] == ["8", "7", "7"]
    assert [case.attributes for case in cases] == [{"source": "hospital"}, {"source": "web"}, {}]


def test_metadata_of_other_names_are_named_in_the_recipe(tmp_path: Path) -> None:
    metadata(study(tmp_path, "A/x.png"), "x.png,s1", columns="picture,person", name="people.csv")
    layout = ImageFoldersLayout(metadata="people.csv", file_column="picture", subject_column="person")
    assert layout.scan(tmp_path).cases[0].subject_id == "s1"
    with pytest.raises(DataError, match="the table has no column 'file'"):
        ImageFoldersLayout(metadata="people.csv").scan(tmp_path)
    with pytest.raises(DataError, match=r"table cannot be read .*folk\.csv"):
        ImageFoldersLayout(metadata="folk.csv").scan(tmp_path)


def test_other_tables_of_the_name_are_left_alone(tmp_path: Path) -> None:
    metadata(study(tmp_path), "x,1", columns="patient_id,age")
    index = ImageFoldersLayout().scan(tmp_path)
    assert index.cases[0].subject_id == "n"
    assert [finding.code for finding in index.findings] == ["metadata_ignored"]
    assert ImageFoldersLayout(subject_pattern="(n|p1)").scan(tmp_path).findings == ()  # which tells the subjects


def test_rows_of_classes_that_are_not_taken_are_no_finding(tmp_path: Path) -> None:
    rows = ("p1_a.png,,1,", "p1_b.JPG,,1,", "n.png,,2,", "Covid/images/gone.png,,3,", "Other/images/x.png,,4,", ",,5,")
    metadata(study(tmp_path), *rows)
    (finding,) = ImageFoldersLayout(classes=("Covid", "Normal")).scan(tmp_path).findings
    assert (finding.code, finding.message) == (
        "row_without_image",
        "2 rows of the table without an image; for instance line 5, Covid/images/gone.png",
    )


def test_image_without_a_row_is_refused(tmp_path: Path) -> None:
    metadata(study(tmp_path), "n.png,Normal,8,hospital")
    with pytest.raises(DataError, match=r"no row in the metadata .*got no file Covid/images/p1_a\.png"):
        ImageFoldersLayout().scan(tmp_path)


def test_two_rows_of_one_image_are_refused(tmp_path: Path) -> None:
    metadata(study(tmp_path), "n.png,Normal,8,a", "n.png,Normal,9,a")
    with pytest.raises(DataError, match=r"two rows are of one image .*lines 2 and 3, column file\): got n\.png"):
        ImageFoldersLayout().scan(tmp_path)


@pytest.mark.parametrize(
    "files", [("images/a.png", "masks/a.png"), ("A/a.nii.gz",), ("a.png",), ("a.png", "old/b.png")]
)
def test_folders_without_classes_of_pictures_do_not_match(tmp_path: Path, files: tuple[str, ...]) -> None:
    assert not ImageFoldersLayout().matches(study(tmp_path, *files))


@pytest.mark.real_data
def test_real_chest_xrays_have_classes_subjects_and_masks(shared_data: Path) -> None:
    index = ImageFoldersLayout().scan(shared_data / "cxr_lungs_4class")
    assert len(index.cases) == 895
    assert len({case.subject_id for case in index.cases}) == 701
    assert sum(bool(case.label_maps) for case in index.cases) == 875
    assert sum(case.targets["class"] == "COVID-19" for case in index.cases) == 144


def test_a_name_that_two_classes_have_does_not_tell_an_image(tmp_path: Path) -> None:
    metadata(study(tmp_path, "A/1.png", "B/1.png", "B/2.png"), "1.png,A,7,web", "2.png,B,8,web")
    with pytest.raises(DataError, match=r"no row in the metadata .*got no file A/1\.png"):
        ImageFoldersLayout().scan(tmp_path)
    metadata(tmp_path, "A/1.png,A,7,web", "B/1.png,B,9,web", "2.png,B,8,web")
    assert [case.subject_id for case in ImageFoldersLayout().scan(tmp_path).cases] == ["8", "7", "9"]
