"""The example of a plug-in: its components in a study, by the line `plugins` and installed, and its own tests."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import SimpleITK as sitk
import yaml
from safetensors import safe_open

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/plugin"
MODULES = [f"medweave_example.{name}" for name in ("paired_files", "separable", "summed_pyramid", "log_cosh_dice")]
TINY = (
    "training.max_epochs=1",
    "training.loader_workers=0",
    "training.precision=float32",
    "model.encoders.mri.channels=[4,8,8]",
    "preprocessing.mri.spacing_mm=[8,8,8]",
)


@pytest.fixture(scope="module")
def paired_study(tmp_path_factory, heart_study):
    """The six phantoms as the plug-in's layout wants them."""
    root = tmp_path_factory.mktemp("paired_study")
    for folder, suffix in (("imagesTr", ""), ("labelsTr", "_seg")):
        for file in (heart_study / folder).glob("*.nii.gz"):
            shutil.copy(file, root / file.name.replace(".nii.gz", f"{suffix}.nii.gz"))
    return root


@pytest.fixture(scope="module")
def run(tmp_path_factory, paired_study, example_plugin, prepare_with):
    """A run of the example's recipe, evaluated; the plug-in has gone when it is there."""
    folder = tmp_path_factory.mktemp("plugin") / "run"
    with example_plugin():
        prepare_with("check", EXAMPLE / "recipe.yaml", "--data", paired_study)
        prepare_with("train", EXAMPLE / "recipe.yaml", "--data", paired_study, "--output", folder, *TINY)
        prepare_with("evaluate", folder)
    return folder


def _run(*command: object, path: Path, cwd: Path, code: int = 0) -> str:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(path), str(ROOT / "src")))}
    result = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=environment,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout


def test_a_study_is_trained_and_judged_with_the_components_of_the_plug_in(run, paired_study):
    index = json.loads((run / "index.json").read_text())
    assert index["layout"] == "paired_files"
    assert len(index["cases"]) == 6
    with safe_open(run / "model.safetensors", "np") as weights:
        shapes = {name: tuple(weights.get_slice(name).get_shape()) for name in weights.keys()}  # noqa: SIM118
    assert shapes["encoders.mri.stages.1.0.weight"] == (4, 1, 3, 3, 3)
    assert shapes["segmentation_heads.heart.projections.2.weight"] == (32, 8, 1, 1, 1)
    losses = pd.read_csv(run / "metrics.csv")["train/loss_heart"]
    assert 0 < losses[0] <= math.log(math.cosh(1))  # of a Dice loss of at most 1
    summary = json.loads((run / "evaluation/test/summary.json").read_text())
    assert 0 <= summary["heads"]["heart"]["structures"]["left_atrium"]["dice"]["mean"] <= 1


def test_the_run_names_the_plug_ins_that_it_needs(run):
    assert yaml.safe_load((run / "recipe.yaml").read_text())["plugins"] == MODULES


def test_the_run_predicts_with_its_plug_ins(run, paired_study, example_plugin, medweave, tmp_path):
    image = paired_study / "heart_000.nii.gz"
    with example_plugin():
        assert medweave("predict", run, image, "--output", tmp_path / "out").code == 0
    written = sitk.ReadImage(tmp_path / "out/heart_000_heart.nii.gz")
    assert written.GetSize() == sitk.ReadImage(image).GetSize()


def test_without_its_plug_ins_it_is_refused_in_one_line(run, paired_study, medweave, tmp_path):
    result = medweave("predict", run, paired_study / "heart_000.nii.gz", "--output", tmp_path / "out")
    assert result.code == 2
    assert re.fullmatch(
        r"error: plug-in module 'medweave_example\.paired_files' cannot be imported: got ModuleNotFoundError: .*"
        r"Fix: install it, put its folder on PYTHONPATH, or correct `plugins`\.\n",
        result.stderr,
    )


@pytest.mark.slow
def test_a_bundle_needs_the_layout_of_the_plug_in_alone(run, paired_study, example_plugin, medweave, tmp_path):
    bundle = tmp_path / "bundle"
    with example_plugin():
        assert medweave("export", run, "--output", bundle).code == 0
    assert json.loads((bundle / "bundle.json").read_text())["plugins"] == ["medweave_example.paired_files"]
    assert medweave("predict", bundle, paired_study, "--output", tmp_path / "refused").code == 2
    with example_plugin():
        assert medweave("predict", bundle, paired_study, "--output", tmp_path / "out").code == 0
        assert {*MODULES} & {*sys.modules} == {"medweave_example.paired_files"}
    assert len(list((tmp_path / "out").glob("*_heart.nii.gz"))) == 6


@pytest.mark.slow
def test_the_example_passes_its_own_tests(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "plugin")
    printed = _run("pytest", "-q", "-p", "no:cacheprovider", path=tmp_path, cwd=tmp_path / "plugin")
    passed = re.search(r"^(\d+) passed in", printed, re.M)
    assert passed is not None, printed
    assert int(passed[1]) > 40


@pytest.mark.slow
def test_an_installed_plug_in_needs_no_line_in_the_recipe(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "plugin")
    target = tmp_path / "installed"
    options = ("--no-deps", "--no-build-isolation", "--quiet", "--target", target)
    _run("pip", "install", *options, tmp_path / "plugin", path=tmp_path, cwd=tmp_path)
    recipe = yaml.safe_load((EXAMPLE / "recipe.yaml").read_text())
    del recipe["plugins"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    complete = _run("medweave", "check", tmp_path / "recipe.yaml", "--full", path=target, cwd=tmp_path)
    assert yaml.safe_load(complete)["plugins"] == sorted(MODULES)
    listed = _run("medweave", "recipes", "components", path=target, cwd=tmp_path)
    assert "(plug-in medweave_example.summed_pyramid)" in listed
    assert listed.count("(plug-in ") == 4
