from pathlib import Path

import pytest

from medweave.core.errors import DataError
from medweave.data.layouts.table import TableLayout

COLUMNS = "case_id,subject_id,image.flair,image.pre,label_map.flair,target.grade,scanner"


def study(root: Path, *rows: str, columns: str = COLUMNS, name: str = "cases.csv", files: tuple[str, ...] = ()) -> Path:
    (root / name).write_text("\n".join([columns, *rows, ""]))
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_columns_of_the_usual_names_need_no_description(tmp_path: Path) -> None:
    rows = ("b,s1,b/f.nii,b/p.nii,b/m.nii,high,3T", "a,s1,a/f.nii,,,,")
    index = TableLayout().scan(study(tmp_path, *rows, files=("b/f.nii", "b/p.nii", "b/m.nii", "a/f.nii")))
    first, second = index.cases
    assert (first.case_id, first.subject_id, first.targets, first.attributes) == ("a", "s1", {}, {})
    assert (first.images, first.label_maps) == ({"flair": tmp_path / "a/f.nii"}, {})
    assert (second.case_id, second.targets, second.attributes) == ("b", {"grade": "high"}, {"scanner": "3T"})
    assert second.images == {"flair": tmp_path / "b/f.nii", "pre": tmp_path / "b/p.nii"}
    assert second.label_maps == {"flair": tmp_path / "b/m.nii"}
    assert (index.name, index.layout, index.root) == (tmp_path.name, "table", tmp_path)


def test_table_itself_may_be_given(tmp_path: Path) -> None:
    study(tmp_path, "a,,a.nii", columns="case_id,subject_id,image.t1", files=("a.nii",))
    (tmp_path / "other.csv").write_text("x\n")
    index = TableLayout().scan(tmp_path / "cases.csv")
    assert (index.root, index.cases[0].subject_id) == (tmp_path, "a")
    assert TableLayout().matches(tmp_path / "cases.csv")


def test_templates_and_names_describe_any_table(tmp_path: Path) -> None:
    study(tmp_path, "p1,2,52", "p2,1,", columns="patient,code,age", name="metadata.tsv".replace("tsv", "csv"),
          files=("p1/pre.nii", "p1/mask.nii", "p2/post.nii", "p2/pre.nii"))  # fmt: skip
    layout = TableLayout(
        case_id="patient",
        images={"pre": "{patient}/pre.nii", "post": "{patient}/post.nii"},
        label_maps={"pre": "{patient}/mask.nii"},
        targets={"grade": "code"},
        attributes=("age",),
        class_names={"grade": {1: "G2", "2": "G3"}},
        structures={"pre": {"tumour": 1}},
    )
    first, second = layout.scan(tmp_path).cases
    assert (first.images, first.targets, first.attributes) == (
        {"pre": tmp_path / "p1/pre.nii"},
        {"grade": "G3"},
        {"age": "52"},
    )
    assert (set(second.images), second.label_maps, second.targets) == ({"pre", "post"}, {}, {"grade": "G2"})
    assert layout.scan(tmp_path).structures == {"pre": {"tumour": 1}}
    assert layout.matches(tmp_path)
    assert not TableLayout().matches(tmp_path)


def test_one_file_name_in_several_folders_is_a_case(tmp_path: Path) -> None:
    study(tmp_path, "s1.nii.gz,1", "s2.nii.gz,0", columns="filename,label", name="labels.csv",
          files=("vw_mri/s1.nii.gz", "vw_mri/s2.nii.gz", "ct_scans/s2.nii.gz"))  # fmt: skip
    layout = TableLayout(
        case_id="filename",
        images={"vw": "vw_mri/{filename}", "ct": "ct_scans/{filename}"},
        targets={"plaque": "label"},
        class_names={"plaque": {0: "absent", 1: "present"}},
    )
    assert [(case.case_id, sorted(case.images), case.targets["plaque"]) for case in layout.scan(tmp_path).cases] == [
        ("s1", ["vw"], "present"),
        ("s2", ["ct", "vw"], "absent"),
    ]


def test_several_classes_are_joined_by_a_bar(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii,1 | 2", "b,a.nii,|", "c,a.nii,", columns="case_id,image.x,target.signs", files=("a.nii",))
    layout = TableLayout(class_names={"signs": {1: "oedema", 2: "effusion"}})
    assert [case.targets for case in layout.scan(tmp_path).cases] == [{"signs": "oedema|effusion"}, {"signs": "|"}, {}]


def test_label_outside_the_class_names_is_refused(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii,1", "b,a.nii,7", columns="case_id,image.x,target.grade", files=("a.nii",))
    with pytest.raises(
        DataError, match=r"has a class without a name .*line 3, column target\.grade\): got 7; wanted 1, 2"
    ):
        TableLayout(class_names={"grade": {1: "low", 2: "high"}}).scan(tmp_path)


def test_path_that_does_not_exist_is_named_with_its_line(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii", "b,b.nii", columns="case_id,image.x", files=("a.nii",))
    with pytest.raises(DataError, match=r"file that is absent .*cases\.csv, line 3, column image\.x\): got b\.nii"):
        TableLayout().scan(tmp_path)


def test_other_cells_that_name_absent_files_are_counted(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii,NA", "b,NA,-", columns="case_id,image.x,image.y", files=("a.nii",))
    with pytest.raises(DataError, match=r"absent \(and 2 more such cells\) .*line 2, column image\.y\): got NA"):
        TableLayout().scan(tmp_path)


def test_a_text_that_is_too_long_for_a_name_is_an_absent_file(tmp_path: Path) -> None:
    study(tmp_path, f"a,{'x' * 300}", columns="case_id,image.x")
    with pytest.raises(DataError, match=r"names a file that is absent .*got x{300}"):
        TableLayout().scan(tmp_path)


def test_words_for_empty_cells_can_be_named(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii,NA", "b,-,high", columns="case_id,image.x,target.grade", files=("a.nii",))
    first, second = TableLayout(empty=("NA", "-")).scan(tmp_path).cases
    assert (first.targets, second.targets, second.images) == ({}, {"grade": "high"}, {})


def test_template_that_never_names_a_file_is_refused(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii", columns="case_id,image.x", files=("a.nii",))
    with pytest.raises(
        DataError, match=r"no case has a file for data\.layout\.label_maps\.x .*got for instance .*a_seg"
    ):
        TableLayout(label_maps={"x": "{case_id}_seg.nii"}).scan(tmp_path)


def test_duplicate_names_are_refused_with_their_lines(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii", "b,a.nii", "a,a.nii", columns="case_id,image.x", files=("a.nii",))
    with pytest.raises(DataError, match=r"two cases have one name .*lines 2 and 4, column case_id\): got a\."):
        TableLayout().scan(tmp_path)


@pytest.mark.parametrize(("name", "what"), [("", "a case has no name"), ("x/y", "cannot be that of a file")])
def test_name_that_cannot_name_files_is_refused(tmp_path: Path, name: str, what: str) -> None:
    study(tmp_path, f"{name},a.nii", columns="case_id,image.x", files=("a.nii",))
    with pytest.raises(DataError, match=rf"{what} .*line 2, column case_id"):
        TableLayout().scan(tmp_path)


def test_unknown_column_is_refused_with_those_there_are(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii", columns="case_id,image.x", files=("a.nii",))
    with pytest.raises(
        DataError, match=r"no column 'image\.xx'\. Did you mean 'image\.x'\?.*got columns case_id, image\.x"
    ):
        TableLayout(images={"x": "image.xx"}).scan(tmp_path)
    with pytest.raises(DataError, match=r"no column 'caseid'\. Did you mean 'case_id'\?"):
        TableLayout(images={"x": "{caseid}.nii"}).scan(tmp_path)
    with pytest.raises(DataError, match="no column 'age'"):
        TableLayout(attributes=("age",)).scan(tmp_path)


def test_table_of_other_columns_is_explained(tmp_path: Path) -> None:
    study(tmp_path, "p1,2", columns="patient_id,grade")
    message = r"no column 'case_id'.*got columns patient_id, grade\. Fix: name the columns case_id, .*data\.layout"
    with pytest.raises(DataError, match=message):
        TableLayout().scan(tmp_path / "cases.csv")


def test_table_without_images_is_refused(tmp_path: Path) -> None:
    study(tmp_path, "p1,2", columns="case_id,target.grade")
    with pytest.raises(DataError, match="the table names no images"):
        TableLayout().scan(tmp_path)


def test_label_map_of_an_unknown_image_is_refused(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii,a.nii", columns="case_id,image.x,label_map.y", files=("a.nii",))
    with pytest.raises(DataError, match=r"an image that the table does not have: 'y' .*got images x"):
        TableLayout().scan(tmp_path)


def test_which_of_several_tables_is_asked(tmp_path: Path) -> None:
    study(tmp_path, "a,a.nii", columns="case_id,image.x", files=("a.nii",))
    (tmp_path / "other.tsv").write_text("x\n")
    with pytest.raises(DataError, match=r"several tables .*got cases\.csv, other\.tsv\. Fix: give the table itself"):
        TableLayout().scan(tmp_path)
    assert len(TableLayout(file="cases.csv").scan(tmp_path).cases) == 1


def test_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the folder holds no table"):
        TableLayout().scan(tmp_path)


@pytest.mark.real_data
def test_real_patients_lack_some_sequences_and_none_is_dropped(shared_data: Path) -> None:
    layout = TableLayout(
        case_id="patient_id",
        images={name: f"{{patient_id}}/{name}.nii.gz" for name in ("pre", "flair", "post")},
        label_maps={"flair": "{patient_id}/mask.nii.gz"},
        targets={"grade": "neoplasm_histologic_grade"},
        class_names={"grade": {1: "G2", 2: "G3"}},
    )
    cases = layout.scan(shared_data / "lgg_mri").cases
    assert len(cases) == 36
    assert [sum(name in case.images for case in cases) for name in ("pre", "flair", "post")] == [34, 36, 32]
    assert sum(case.targets["grade"] == "G3" for case in cases) == 17
    assert all("flair" in case.label_maps for case in cases)
