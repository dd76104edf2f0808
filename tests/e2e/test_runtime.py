"""A bundle in an environment without PyTorch."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

ROOT = Path(__file__).parents[2]
PREDICTED = ("heart_000", "heart_001")


def _run(*command: object, cwd: Path, code: int = 0) -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=cwd)
    assert result.returncode == code, result.stderr
    return result.stdout + result.stderr


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """The folder of the programs of an environment that holds `.[runtime]` alone."""
    folder = tmp_path_factory.mktemp("runtime") / "environment"
    _run(sys.executable, "-m", "venv", folder, cwd=ROOT)
    constraints = ROOT / "constraints.txt"
    _run(folder / "bin/python", "-m", "pip", "install", "-q", "-c", constraints, f"{ROOT}[runtime]", cwd=folder)
    return folder / "bin"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, tiny_run, prepare_with):
    """The bundle of a tiny training."""
    folder = tmp_path_factory.mktemp("bundles") / "heart"
    prepare_with("export", tiny_run, "--output", folder)
    return folder


def _rows(folder):
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_bundle_predicts_without_pytorch_what_the_run_predicts(
    runtime, bundle, tiny_run, heart_study, medweave, tmp_path
):
    for package in ("torch", "monai", "pytorch_lightning", "sklearn", "pandas"):
        _run(runtime / "python", "-c", f"import {package}", cwd=tmp_path, code=1)
    images = [heart_study / "imagesTr" / f"{case_id}.nii.gz" for case_id in PREDICTED]
    _run(runtime / "medweave", "predict", bundle, *images, "--output", "of_bundle", "--probabilities", cwd=tmp_path)
    assert medweave("predict", tiny_run, *images, "--output", tmp_path / "of_run", "--probabilities").code == 0
    of_bundle, of_run = tmp_path / "of_bundle", tmp_path / "of_run"
    assert sorted(path.name for path in of_bundle.iterdir()) == sorted(path.name for path in of_run.iterdir())
    for case_id in PREDICTED:
        for name, tolerance in ((f"{case_id}_heart", 0), (f"{case_id}_heart_probability_left_atrium", 1e-4)):
            found, expected = (sitk.ReadImage(str(folder / f"{name}.nii.gz")) for folder in (of_bundle, of_run))
            assert found.GetSpacing() == expected.GetSpacing()
            assert np.abs(sitk.GetArrayFromImage(found) - sitk.GetArrayFromImage(expected)).max() <= tolerance
    for found, expected in zip(_rows(of_bundle), _rows(of_run), strict=True):
        assert found.keys() == expected.keys()
        assert (found["case_id"], found["status"]) == (expected["case_id"], "done")


@pytest.mark.slow
def test_what_needs_pytorch_says_so_in_one_line(runtime, tiny_run, bundle, heart_study, tmp_path):
    image = heart_study / "imagesTr/heart_000.nii.gz"
    for command in (
        ("train", "heart_small", "--data", heart_study, "--output", "run"),
        ("predict", tiny_run, image, "--output", "predictions"),
        ("export", tiny_run, "--output", "bundle"),
    ):
        message = _run(runtime / "medweave", *command, cwd=tmp_path, code=2)
        assert message.count("\n") == 1
        assert "pip install 'medweave[train]'" in message
    assert "onnxruntime" in _run(runtime / "medweave", "doctor", cwd=tmp_path)


@pytest.mark.slow
def test_monai_verifies_and_runs_its_bundle(bundle, tmp_path):
    monai, configs = (sys.executable, "-m", "monai.bundle"), bundle / "monai" / "configs"
    schema, metadata = configs / "metadata_schema.json", configs / "metadata.json"
    _run(*monai, "verify_metadata", "--meta_file", metadata, "--filepath", schema, cwd=tmp_path)
    settings = ("--bundle_root", bundle / "monai", "--output_dir", tmp_path / "out")
    _run(*monai, "run", "--config_file", configs / "inference.json", *settings, cwd=tmp_path)
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "input_heart.nii.gz")))
    expected = sitk.GetArrayFromImage(sitk.ReadImage(str(bundle / "golden" / "expected_heart.nii.gz")))
    assert np.mean(found == expected) > 0.999
