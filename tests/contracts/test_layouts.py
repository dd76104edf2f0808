import json
from pathlib import Path

from medweave.data.layouts.layout import LAYOUTS
from medweave.testing.layout import LayoutContract


def test_every_layout_is_tested(tested_names) -> None:
    assert tested_names == set(LAYOUTS.names()) - {"auto"}


def _write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)


class TestAcdc(LayoutContract):
    name = "acdc"

    def write_example(self, root: Path) -> None:
        names = ("p1/frame01.nii", "p1/frame01_gt.nii", "p1/frame09.nii", "p2/frame01.nii")
        _write(root, dict.fromkeys(names, "") | {"p2/gt.txt": "3"})


class TestImageFolders(LayoutContract):
    name = "image_folders"

    def write_example(self, root: Path) -> None:
        _write(root, dict.fromkeys(("Covid/images/a.png", "Covid/masks/a.png", "Normal/images/b.jpg"), ""))


class TestMsd(LayoutContract):
    name = "msd"

    def write_example(self, root: Path) -> None:
        entry = {"image": "imagesTr/a.nii", "label": "labelsTr/a.nii"}
        description = {"labels": {"1": "heart"}, "training": [entry], "test": ["imagesTs/b.nii.gz"]}
        names = ("imagesTr/a.nii", "labelsTr/a.nii", "imagesTs/b.nii.gz")
        _write(root, dict.fromkeys(names, "") | {"dataset.json": json.dumps(description)})


class TestTable(LayoutContract):
    name = "table"

    def write_example(self, root: Path) -> None:
        _write(root, {"cases.csv": "case_id,image.t1,target.grade\na,a.nii,high\nb,,low\n", "a.nii": ""})
