import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from medweave.core.errors import DataError, RunError, UsageError
from medweave.inference.bundle import BundleFolder, read_bundle
from medweave.inference.golden import check_golden
from medweave.inference.loading import load_predictor
from medweave.runs.folder import RunFolder
from medweave.workflows import export


def _write_other_network(model, path, *, n_channels):
    """Write a graph that answers as no training would."""
    shape = ["batch", 1, "x", "y", "z"]
    graph = helper.make_graph(
        [
            helper.make_node("Concat", ["image.mri", "image.mri"], ["heart"], axis=1),
            helper.make_node("ReduceMean", ["image.mri", "axes"], ["features.mri"], keepdims=0),
        ],
        "other",
        [helper.make_tensor_value_info("image.mri", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("heart", TensorProto.FLOAT, ["batch", 2, "x", "y", "z"]),
            helper.make_tensor_value_info("features.mri", TensorProto.FLOAT, ["batch", 1]),
        ],
        [numpy_helper.from_array(np.array([2, 3, 4]), "axes")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


def test_a_bundle_that_answers_otherwise_is_refused_and_not_left(tiny_run, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "export_network", _write_other_network)
    with pytest.raises(RunError, match=r"does not answer as the run does: got probabilities that differ by"):
        export.run(tiny_run, tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_refused(tiny_run, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(RunError, match="not empty"):
        export.run(tiny_run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_bundle_is_not_exported_again(tmp_path):
    BundleFolder(tmp_path).description.write_text("{}")
    with pytest.raises(UsageError, match="this is a bundle already"):
        export.run(tmp_path, tmp_path / "again")


def test_a_run_without_weights_is_refused(tiny_run, tmp_path):
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    run.weights.unlink()
    with pytest.raises(RunError, match="no trained weights yet"):
        export.run(run.path, tmp_path / "bundle")


def test_validation_cases_that_are_not_there_are_refused_with_the_option_that_names_their_folder(
    tiny_run, tmp_path, heart_study
):
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    content = json.loads(run.index.read_text())
    run.index.write_text(json.dumps({**content, "root": str(tmp_path / "moved")}))
    with pytest.raises(DataError, match=r"is not there \(.*moved.*\).*--data"):
        export.run(run.path, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_folders_of_series_count_as_validation_images(tiny_run, tmp_path, monkeypatch):
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    content = json.loads(run.index.read_text())
    for case in content["cases"]:
        (tmp_path / "series" / case["images"]["image"]).mkdir(parents=True)
    run.index.write_text(json.dumps({**content, "root": str(tmp_path / "series")}))
    monkeypatch.setattr(export, "export_network", _write_other_network)
    with pytest.raises(DataError, match=r"the folder holds no DICOM file"):  # so it was read
        export.run(run.path, tmp_path / "bundle")


@pytest.mark.slow
def test_an_export_writes_everything_and_proves_it(tiny_run, tmp_path, heart_study):
    stages = []
    made = export.run(
        tiny_run,
        tmp_path / "bundle",
        settings=export.Settings(data=heart_study),
        on_progress=lambda *progress: stages.append(progress),
    )
    bundle = BundleFolder(made.folder)
    assert set(read_bundle(bundle.path).files) >= {
        "model.onnx",
        "parity.json",
        "model_card.md",
        "golden/input/image.nii.gz",
        "golden/expected_heart.nii.gz",
        "monai/configs/metadata.json",
        "monai/models/model.pt",
    }
    parity = json.loads(bundle.parity.read_text())
    assert parity["max_probability_difference"] <= 1e-4
    assert parity["label_agreement"] >= 0.9999
    assert parity["n_cases"] == 1
    assert check_golden(load_predictor(bundle.path), bundle.golden).is_same
    assert stages[-1] == ("comparing with the run", 1, 1)
    assert str(tmp_path) not in "".join(path.read_text() for path in bundle.path.rglob("*.json"))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_smaller_precision_says_what_it_costs(precision, tiny_run, tmp_path):
    made = export.run(tiny_run, tmp_path / "bundle", settings=export.Settings(precision=precision))
    assert read_bundle(made.folder).network.precision == precision
    parity = json.loads(BundleFolder(made.folder).parity.read_text())
    assert parity["bundle"]["dice"]["heart.left_atrium"] >= parity["run"]["dice"]["heart.left_atrium"] - 0.01
