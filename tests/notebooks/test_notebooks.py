import importlib.util
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import nibabel
import numpy as np
import pandas as pd
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
NAMES = ["explore_data", "inspect_results", "predict_and_view", "train_one_epoch"]


def _load_tour() -> Any:
    spec = importlib.util.spec_from_file_location("tour_of_notebooks", ROOT / "docs" / "notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tour = _load_tour()


@dataclass(frozen=True)
class Executed:
    """A notebook that was executed with the parameters that it is committed with, and its temporary folder."""

    notebook: Any
    folder: Path

    def text(self, cell: str) -> str:
        outputs = tour.cell_of(self.notebook, cell).outputs
        streams = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
        return streams + "".join("".join(output.get("data", {}).get("text/html", "")) for output in outputs)

    def pictures(self, cell: str) -> list[np.ndarray]:
        found = tour.pictures(self.notebook, cell)
        return [np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int) for content in found]

    def widgets(self, model: str) -> list[dict[str, Any]]:
        states = self.notebook.metadata.widgets[tour.WIDGETS]["state"].values()
        return [entry["state"] for entry in states if entry["model_name"] == model]


def _execute(name: str, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    work = tmp_path_factory.mktemp(name)
    notebook = tour.execute(ROOT / "notebooks" / f"{name}.ipynb", {}, work=work)
    (folder,) = work.glob("medweave_*")
    return Executed(notebook, folder)


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("explore_data", tmp_path_factory)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("train_one_epoch", tmp_path_factory)


@pytest.fixture(scope="module")
def inspected(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("inspect_results", tmp_path_factory)


@pytest.fixture(scope="module")
def predicted(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return _execute("predict_and_view", tmp_path_factory)


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nibabel.load(path).dataobj)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_there_are_four_notebooks() -> None:
    assert [path.stem for path in tour.notebooks()] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_committed_without_outputs(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) >= 4
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_has_one_cell_of_parameters_and_they_name_no_path(name: str) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())]
    values: dict[str, Any] = {}
    exec(cell.source, values)  # noqa: S102 -- the notebooks are ours
    paths = {name: values[name] for name in ("DATA", "RUN", "MODEL", "INPUT", "OUTPUT") if name in values}
    assert paths
    assert set(paths.values()) == {None}


def test_the_pictures_of_the_documentation_are_those_that_the_command_makes() -> None:
    drawn = {path.stem for path in tour.IMAGES.glob("notebook_*.png")} - {"notebook_viewer"}
    assert {name for name, _, _ in tour.PICTURES.values()} == set(NAMES)
    assert set(tour.PICTURES) == drawn


@pytest.mark.slow
def test_exploring_finds_the_copy_that_was_planted(explored: Executed) -> None:
    assert "8 cases, layout msd" in explored.text("inspect")
    planted = [voxels(explored.folder / "phantoms" / "imagesTr" / f"heart_00{number}.nii.gz") for number in (0, 7)]
    assert (planted[0] == planted[1]).all()
    (row,) = [row for row in explored.text("audit").split("<tr>") if "exact_duplicates" in row]
    assert "['heart_000', 'heart_007']" in row


@pytest.mark.slow
def test_exploring_shows_volumes_and_intensities(explored: Executed) -> None:
    assert len(explored.pictures("histograms")) == 2
    labels = nibabel.load(explored.folder / "phantoms" / "labelsTr" / "heart_003.nii.gz")
    volume_ml = np.count_nonzero(labels.dataobj) * np.prod(labels.header.get_zooms()) / 1000
    assert f"<td>{volume_ml:.1f}</td>" in explored.text("inspect")


@pytest.mark.slow
def test_the_slider_spans_the_slices_and_starts_where_the_structure_is_largest(explored: Executed) -> None:
    (slider,) = explored.widgets("IntSliderModel")
    labels = voxels(explored.folder / "phantoms" / "labelsTr" / "heart_000.nii.gz")
    assert (slider["min"], slider["max"]) == (0, labels.shape[2] - 1)
    assert slider["value"] == np.count_nonzero(labels, axis=(0, 1)).argmax()
    (picture,) = explored.pictures("slices")
    is_coloured = np.ptp(picture, axis=-1) > 30
    spacing = nibabel.load(explored.folder / "phantoms" / "labelsTr" / "heart_000.nii.gz").header.get_zooms()
    share = np.count_nonzero(labels[..., slider["value"]]) / labels[..., 0].size
    assert is_coloured.mean() == pytest.approx(share, rel=0.1), spacing


@pytest.mark.slow
def test_one_epoch_is_trained_and_its_numbers_are_those_of_the_run(trained: Executed) -> None:
    metrics = pd.read_csv(trained.folder / "run" / "metrics.csv")
    assert metrics["epoch"].tolist() == [1]
    printed = re.search(r"val/score ([\d.]+) after 1 epochs", trained.text("train"))
    assert float(printed[1]) == pytest.approx(metrics["val/score"].item(), abs=5.1e-5)
    assert f"<td>{metrics['train/loss'].item():.6f}</td>" in trained.text("metrics")
    parts = {name: len(cases) for name, cases in read_json(trained.folder / "run" / "split.json").items()}
    assert "{train} cases to train, {val} to validate, {test} kept".format(**parts) in trained.text("train")


@pytest.mark.slow
def test_the_progress_reaches_its_end_and_curves_and_batch_are_drawn(trained: Executed) -> None:
    (bar,) = trained.widgets("IntProgressModel")
    assert bar["value"] == bar["max"] > 1
    assert len(trained.pictures("curves")) == 1
    (batch,) = trained.pictures("batch")
    assert (np.ptp(batch, axis=-1) > 30).any()
    assert "rotate_degrees" in trained.text("batch")


@pytest.mark.slow
def test_the_cases_shown_are_test_cases_of_the_run_with_the_dice_of_its_table(inspected: Executed) -> None:
    run = inspected.folder / "run"
    table = pd.read_csv(run / "evaluation" / "test" / "per_case.csv").set_index("case_id")["dice"]
    split = read_json(run / "split.json")
    shown = re.findall(r"(worst|median|best): (\w+), Dice ([\d.]+)", inspected.text("panels"))
    assert [rank for rank, _, _ in shown] == ["worst", "median", "best"]
    assert {case_id for _, case_id, _ in shown} == set(split["test"])
    assert not {case_id for _, case_id, _ in shown} & {*split["train"], *split["val"]}
    for _, case_id, dice in shown:
        assert float(dice) == pytest.approx(table[case_id], abs=5.1e-7)
        truth = voxels(inspected.folder / "data" / "labelsTr" / f"{case_id}.nii.gz") > 0
        mask = voxels(run / "evaluation" / "test" / "predictions" / f"{case_id}_heart.nii.gz") > 0
        assert float(dice) == pytest.approx(2 * (truth & mask).sum() / (truth.sum() + mask.sum()), abs=5.1e-7)
    assert [float(dice) for _, _, dice in shown] == pytest.approx(sorted(table), abs=5.1e-7)


@pytest.mark.slow
def test_each_case_shown_has_its_panels_and_its_probability(inspected: Executed) -> None:
    panels, probabilities = inspected.pictures("panels"), inspected.pictures("probability")
    assert (len(panels), len(probabilities)) == (3, 3)
    lime, red = np.array([0, 255, 0]), np.array([255, 0, 0])
    for picture in probabilities:
        for colour in (lime, red):
            assert (np.abs(picture - colour).sum(axis=-1) < 60).sum() > 50


@pytest.mark.slow
def test_the_predicted_volume_is_that_of_the_written_mask(predicted: Executed) -> None:
    folder = predicted.folder / "prediction"
    mask = nibabel.load(folder / "heart_000_heart.nii.gz")
    image = nibabel.load(predicted.folder / "new" / "imagesTr" / "heart_000.nii.gz")
    assert mask.shape == image.shape
    np.testing.assert_allclose(mask.affine, image.affine, atol=1e-4)
    volume_ml = np.count_nonzero(mask.dataobj) * np.prod(mask.header.get_zooms()) / 1000
    printed = re.search(r"left_atrium: ([\d.]+) mL", predicted.text("predict"))
    assert volume_ml > 10
    assert float(printed[1]) == pytest.approx(volume_ml, rel=1e-5)
    share = np.count_nonzero(mask.dataobj) / np.prod(mask.shape)
    assert f"left_atrium: {share:.2%} of the image" in predicted.text("sure")
    probability = voxels(folder / "heart_000_heart_probability_left_atrium.nii.gz")
    mean = probability[np.asarray(mask.dataobj) > 0].mean()
    assert f"mean probability inside {mean:.3f}" in predicted.text("sure")
    assert (len(predicted.pictures("overlay")), len(predicted.pictures("sure"))) == (1, 1)


@pytest.mark.slow
def test_the_viewer_holds_the_image_and_the_mask(predicted: Executed) -> None:
    states = predicted.widgets("AnyModel")
    (viewer,) = [state for state in states if "volumes" in state]
    assert len(viewer["volumes"]) == 2
    volumes = [state for state in states if "colormap_label" in state]
    assert {state["name"] for state in volumes} == {"heart_000.nii.gz", "heart_000_heart.nii.gz"}
    (mask,) = [state for state in volumes if state["colormap_label"]]
    assert mask["name"] == "heart_000_heart.nii.gz"
    assert mask["colormap_label"]["lut"][:3] == [0, 0, 0]


def test_an_unknown_name_is_refused_with_those_there_are(monkeypatch):
    monkeypatch.setattr("sys.argv", ["notebooks.py", "train_one_epoch", "explore"])
    with pytest.raises(SystemExit, match=f"no notebook explore; there are {', '.join(NAMES)}"):
        tour.main()
