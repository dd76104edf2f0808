import json
import math
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from medweave.core.errors import RunError, UsageError
from medweave.inference.bundle import is_bundle, load_bundle, read_bundle, read_description
from medweave.preprocessing.geometry import to_array


def test_a_bundle_answers_with_its_labels_temperatures_and_measurements(bundle, bundle_case):
    prediction = load_bundle(bundle.path).predict(bundle_case, keep_probabilities=True)
    found = prediction.segmentations["heart"]
    labels = to_array(found.label_map)
    assert (labels[:3] == 3).all()
    assert (labels[3:] == 0).all()
    assert found.volumes_ml == {"blood": pytest.approx(3 * 4 * 3 * 0.01)}
    assert found.probabilities["blood"][0, 0, 0] == pytest.approx(1 / (1 + math.exp(-2)))
    padded = np.pad(np.where(np.arange(5) < 3, 1.0, -1.0), (0, 1), mode="edge")
    side = prediction.classifications["side"].probabilities
    assert side["left"] == pytest.approx(1 / (1 + math.exp(-2 * padded.mean() / 2)))
    (volume,) = prediction.measurements
    assert (volume.name, volume.value) == ("heart_blood_volume", pytest.approx(0.36))
    scores = np.exp([0.5 - 0.36, 0.36 - 0.5])
    assert prediction.classifications["size"].probabilities["small"] == pytest.approx(scores[0] / scores.sum())


def test_several_networks_answer_as_an_ensemble(bundle, bundle_case, reseal):
    shutil.copy(bundle.path / "model.onnx", bundle.path / "other.onnx")
    description = read_description(bundle.path)
    network = description.network.model_copy(update={"files": ("model.onnx", "other.onnx")})
    reseal(bundle, description.model_copy(update={"network": network}))
    predictor = load_bundle(bundle.path)
    assert len(predictor.networks) == 2
    assert predictor.predict(bundle_case).members == 2


def test_a_bundle_merges_the_values_of_a_truth_as_its_run_did(bundle, bundle_case, reseal, tmp_path):
    description = read_description(bundle.path)
    heads = {"heart": replace(description.segmentations["heart"], merged_values={1: 3, 2: 3})}
    reseal(bundle, description.model_copy(update={"segmentations": heads}))
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5) % 5
    sitk.WriteImage(sitk.GetImageFromArray(labels), str(tmp_path / "truth.nii.gz"))
    predictor, case = load_bundle(bundle.path), replace(bundle_case, label_maps={"image": tmp_path / "truth.nii.gz"})
    truth = sitk.GetArrayFromImage(predictor.source.read_label_map(case, "heart"))
    np.testing.assert_array_equal(truth == 3, np.isin(labels, [1, 2, 3]))
    assert (to_array(predictor.predict(case).segmentations["heart"].label_map)[:3] == 3).all()


def test_a_folder_is_a_bundle_by_its_description(bundle, tmp_path):
    assert is_bundle(bundle.path)
    assert not is_bundle(tmp_path)


def test_changed_missing_and_added_files_are_refused_together(bundle):
    network = bundle.path / "model.onnx"
    network.write_bytes(network.read_bytes()[:-1] + b"x")
    bundle.measurement_classifier("size").unlink()
    (bundle.path / "notes.txt").write_text("mine")
    with pytest.raises(RunError) as caught:
        read_bundle(bundle.path)
    assert caught.value.got == (
        "changed: model.onnx; missing: measurement_classifier_size.json; not of the bundle: notes.txt"
    )


def test_a_newer_bundle_is_refused_with_what_to_install(bundle):
    content = json.loads(bundle.description.read_text())
    bundle.description.write_text(json.dumps({**content, "format_version": 2, "further": 1}))
    with pytest.raises(RunError, match=r"newer version of medweave .*got format 2; wanted at most 1. Fix: pip install"):
        load_bundle(bundle.path)


@pytest.mark.parametrize(
    ("damage", "got"),
    [
        (lambda text: text[:-20], "not a JSON file"),
        (lambda text: "[]", "list indices"),
        (lambda text: json.dumps({**json.loads(text), "window": None}), "window: "),
        (lambda text: json.dumps({**json.loads(text), "surprise": 1}), "surprise: Extra inputs"),
        (lambda text: json.dumps({**json.loads(text), "format_version": "one"}), "'>' not supported"),
    ],
    ids=["cut", "no table", "without a section", "with a key too many", "with a word for a number"],
)
def test_a_damaged_description_is_refused_with_what_is_wrong(bundle, damage, got):
    bundle.description.write_text(damage(bundle.description.read_text()))
    with pytest.raises(RunError, match="not the description of a bundle") as caught:
        load_bundle(bundle.path)
    assert got in caught.value.got


def test_a_network_that_is_none_is_refused(bundle, reseal):
    (bundle.path / "model.onnx").write_bytes(b"no network")
    reseal(bundle, read_description(bundle.path))
    with pytest.raises(RunError, match=r"the network cannot be loaded .*model\.onnx.*Fix: export or copy it again"):
        load_bundle(bundle.path)


def test_onnx_runtime_begins_no_session_of_telemetry(bundle, tmp_path):
    load = "from medweave.inference.bundle import load_bundle"
    program = f"from pathlib import Path; {load}; load_bundle(Path({str(bundle.path)!r}))"
    (tmp_path / "temporary").mkdir()
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": "", "TMPDIR": str(tmp_path / "temporary")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    # Its reporter keeps the name of its session here.
    assert not (tmp_path / "temporary" / ".ses").exists()


def test_a_bundle_whose_plug_in_is_absent_is_refused(bundle, reseal):
    reseal(bundle, read_description(bundle.path).model_copy(update={"plugins": ("no_such_plugin",)}))
    with pytest.raises(UsageError, match="plug-in module 'no_such_plugin' cannot be imported"):
        load_bundle(bundle.path)
