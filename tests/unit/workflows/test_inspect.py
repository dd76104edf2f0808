import json
import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from medweave.core.errors import DataError, RunError
from medweave.data.audit import Audit
from medweave.data.index import DatasetIndex
from medweave.recipes.loader import dump_recipe, load_recipe
from medweave.workflows import inspect


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_study(tmp_path)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> inspect.Inspection:
    folder = tmp_path_factory.mktemp("inspected")
    return inspect.run(write_study(folder), output=folder / "out")


def write_study(folder: Path) -> Path:
    """Three good cases, one broken image and one unlabelled case, in the MSD layout."""
    root = folder / "data"
    names = ["a", "b", "c", "broken"]
    for part in ("imagesTr", "labelsTr", "imagesTs"):
        (root / part).mkdir(parents=True)
    for number, name in enumerate([*names, "test"]):
        array = np.random.default_rng(number).normal(100, 20, (10, 11, 12)).astype(np.float32)
        label_map = np.zeros((10, 11, 12), np.uint8)
        label_map[2:5, 2:5, 2 : 4 + number] = 1
        images = "imagesTs" if name == "test" else "imagesTr"
        sitk.WriteImage(sitk.GetImageFromArray(array), str(root / images / f"{name}.nii.gz"))
        if name != "test":
            sitk.WriteImage(sitk.GetImageFromArray(label_map), str(root / "labelsTr" / f"{name}.nii.gz"))
    (root / "imagesTr" / "broken.nii.gz").write_bytes(b"<not an image>")
    description = {
        "name": "Tiny & <odd>",
        "labels": {"0": "background", "1": "left atrium"},
        "training": [{"image": f"./imagesTr/{n}.nii.gz", "label": f"./labelsTr/{n}.nii.gz"} for n in names],
        "test": ["./imagesTs/test.nii.gz"],
    }
    (root / "dataset.json").write_text(json.dumps(description))
    return root


def test_everything_is_written(inspected: inspect.Inspection) -> None:
    assert inspected.report is not None
    output = inspected.report.parent
    assert DatasetIndex.load(output / "index.json").cases == inspected.index.cases
    assert Audit.load(output / "audit.json") == inspected.audit
    assert json.loads((output / "inspection.json").read_text()) == json.loads(json.dumps(inspected.to_json()))
    planes = [f"planes_{name}_image.png" for name in ("a", "b", "c", "test")]
    assert sorted(path.name for path in (output / "figures").iterdir()) == ["intensity.png", *planes, "volumes.png"]
    with Image.open(output / "figures" / "volumes.png") as picture:
        assert picture.width == 1575


def test_report_names_what_is_wrong_and_needs_nothing_from_outside(inspected: inspect.Inspection) -> None:
    assert inspected.report is not None
    page = inspected.report.read_text()
    assert "Tiny &amp; &lt;odd&gt;" in page
    assert "<odd>" not in page
    assert "imagesTr/broken.nii.gz" in page
    assert "Fix: copy the file again" in page
    assert page.count('src="data:image/png') == 2
    assert page.count('src="data:image/jpeg') == 4
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []


def test_json_has_counts_volumes_and_findings(data: Path) -> None:
    content = inspect.run(data).to_json()
    assert (content["n_cases"], content["layout"]) == (5, "msd")
    assert content["structures"]["image"]["left_atrium"]["voxels"] == {"minimum": 18, "median": 31.5, "maximum": 45}
    assert [finding["code"] for finding in content["audit"]["findings"]] == ["unreadable", "missing_label_map"]
    assert (content["audit"]["n_errors"], content["audit"]["n_warnings"]) == (1, 1)
    json.dumps(content, allow_nan=False)


def test_progress_counts_cases_then_pictures(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspect, "MAX_PICTURES", 1)
    calls: list[tuple[str, int, int]] = []
    inspect.run(data, output=tmp_path / "out", on_progress=lambda *call: calls.append(call))
    assert calls[:5] == [("examine", done, 5) for done in range(1, 6)]
    assert calls[5:] == [("draw", done, 3) for done in range(1, 4)]


def test_a_filled_output_folder_is_refused_before_anything_is_read(data: Path) -> None:
    with pytest.raises(RunError, match="not empty"):
        inspect.run(data, output=data)


def test_an_absent_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data folder not found"):
        inspect.run(tmp_path / "absent")


def test_nothing_readable_still_gives_a_report(data: Path, tmp_path: Path) -> None:
    for path in data.rglob("*.nii.gz"):
        path.write_bytes(b"")
    inspection = inspect.run(data, output=tmp_path / "out")
    assert len(inspection.audit.errors) == 9
    assert "no image could be read" in (tmp_path / "out" / "report.html").read_text()


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two class folders of four pictures each, one of which has a mask."""
    for seed, (name, number) in enumerate((name, number) for name in ("Covid", "Normal") for number in range(4)):
        array = np.random.default_rng(seed).integers(0, 255, (20, 24)).astype(np.uint8)
        for part in ("images", "masks")[: 2 if number == 0 else 1]:
            path = tmp_path / "classes" / name / part / f"{name[0]}{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array if part == "images" else (array > 128).astype(np.uint8) * 255).save(path)
    return tmp_path / "classes"


def test_classes_are_counted_and_drawn(classes: Path, tmp_path: Path) -> None:
    inspection = inspect.run(classes, output=tmp_path / "out")
    assert inspection.to_json()["classes"] == {"class": {"Covid": 4, "Normal": 4}}
    assert inspection.to_json()["n_label_maps"] == {"image": 2}
    assert [finding.code for finding in inspection.audit.findings] == ["missing_label_map"]
    pictures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert "class_distribution.png" in pictures
    assert len({name[:8] for name in pictures if name.startswith("planes_")}) == 2
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<td>class</td><td>Covid</td>" in page
    assert "label map of image" in page


def test_pictures_show_each_class_from_the_smallest_to_the_largest_structure(classes: Path, monkeypatch) -> None:
    monkeypatch.setattr(inspect, "MAX_PICTURES", 4)
    chosen = inspect._chosen_images(inspect.run(classes))
    assert [case.case_id for case, _ in chosen] == ["C1", "C0", "N1", "N0"]
    monkeypatch.setattr(inspect, "MAX_PICTURES", 2)
    assert [case.case_id for case, _ in inspect._chosen_images(inspect.run(classes))] == ["C3", "N3"]
    monkeypatch.setattr(inspect, "MAX_PICTURES", 1)
    assert [case.case_id for case, _ in inspect._chosen_images(inspect.run(classes))] == ["N2"]


def test_recipe_describes_a_folder_that_says_nothing_by_itself(tmp_path: Path) -> None:
    root = tmp_path / "brains"
    for seed, (patient, names) in enumerate({"p1": ("flair", "pre", "post", "mask"), "p2": ("flair",)}.items()):
        (root / patient).mkdir(parents=True)
        for offset, name in enumerate(names):
            array = np.random.default_rng(10 * seed + offset).normal(50, 9, (6, 7, 8)).astype(np.float32)
            image = sitk.GetImageFromArray((array > 60).astype(np.uint8) if name == "mask" else array)
            sitk.WriteImage(image, str(root / patient / f"{name}.nii.gz"))
    (root / "metadata.csv").write_text("patient_id,neoplasm_histologic_grade\np1,1\np2,2\n")
    with pytest.raises(DataError, match="matches no known layout"):
        inspect.run(root)
    summary = inspect.run(root / "metadata.csv", recipe="multimodal_mri").summary
    assert (summary.layout, summary.n_cases, summary.classes) == ("table", 2, {"grade": {"G2": 1, "G3": 1}})
    assert summary.patterns == {"flair + post + pre": 1, "flair": 1}


def test_cases_that_a_recipe_leaves_out_are_not_inspected(heart_study: Path, tmp_path: Path) -> None:
    left_out = inspect.run(heart_study).index.cases[0].case_id
    recipe = load_recipe("heart", [f"data.exclude=[{left_out}]"])
    (tmp_path / "recipe.yaml").write_text(dump_recipe(recipe))
    cases = inspect.run(heart_study, recipe=tmp_path / "recipe.yaml").index.cases
    assert (len(cases), left_out in [case.case_id for case in cases]) == (5, False)


def test_image_of_another_dimension_than_the_recipe_says_is_a_finding(classes: Path, tmp_path: Path) -> None:
    recipe = load_recipe("chest_xray", ["data.inputs.radiograph.spatial_dims=3", "preprocessing={}"])
    (tmp_path / "recipe.yaml").write_text(dump_recipe(recipe))
    errors = inspect.run(classes, recipe=tmp_path / "recipe.yaml").audit.errors
    (unfit,) = [finding for finding in errors if finding.code == "unfit_for_recipe"]
    assert "a class that the recipe does not know (case " in unfit.message
    findings = [finding for finding in errors if finding != unfit]
    assert len(findings) == 10
    assert "wanted 3D" in findings[0].message
