"""Runs that cannot be used, continued or compared."""

import json
import shutil

import pytest

from medweave.data.split import Split

TABLE = "evaluation/test/per_case.csv"


@pytest.fixture
def evaluated(run, medweave, tmp_path):
    """Two evaluated runs: `run` and `other`."""
    assert medweave("evaluate", "run", "--no-save-predictions").code == 0
    shutil.copytree(run, tmp_path / "other")
    return run


@pytest.mark.parametrize("command", [["evaluate"], ["predict"]], ids=" ".join)
def test_a_model_must_be_a_run(command, study, refuse):
    further = ["study", "--output", "new"] if command == ["predict"] else []
    fix = "Fix: give the folder that `medweave train --output` wrote."
    refuse(*command, "nowhere", *further, code=1, says=["run folder not found (nowhere)", fix])
    refuse(*command, "study", *further, code=1, says=["no run here (study): got no recipe.yaml", fix])


def test_a_run_without_weights_is_refused(run, refuse):
    (run / "model.safetensors").unlink()
    refuse("evaluate", "run", code=1, says=["no trained weights yet (run/model.safetensors)", "--resume"])


def test_damaged_weights_are_refused(run, refuse):
    weights = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    refuse("evaluate", "run", code=1, says=["the weights cannot be loaded (run/model.safetensors)"])


def test_weights_of_another_network_are_refused(run, refuse):
    recipe = (run / "recipe.yaml").read_text()
    assert "      - 4\n" in recipe
    (run / "recipe.yaml").write_text(recipe.replace("      - 4\n", "      - 6\n"))
    refuse("evaluate", "run", code=1, says=["the weights cannot be loaded (run/model.safetensors)"])


@pytest.mark.parametrize("content", ['{"a": 1}', "{", "[1]"])
@pytest.mark.parametrize("file", ["split.json", "index.json"])
def test_a_damaged_file_of_the_run_is_named(file, content, run, refuse):
    (run / file).write_text(content)
    refuse("evaluate", "run", code=1, says=[f"run/{file}"])


def test_a_damaged_summary_is_replaced_by_evaluating_again(evaluated, medweave):
    summary = evaluated / "evaluation/test/summary.json"
    whole = summary.read_text()
    summary.write_text("{")
    assert medweave("evaluate", "run", "--no-save-predictions").code == 0
    assert summary.read_text() == whole


def test_another_recipe_cannot_continue_a_run(run, study, tiny_overrides, refuse):
    arguments = ["train", "heart_small", "--data", "study", "--output", "run", "--resume", *tiny_overrides]
    says = ["the recipe is not the one that the run began with (run)", "optimizer.lr was 0.003, is 0.5"]
    refuse(*arguments, "optimizer.lr=0.5", code=1, says=says)
    refuse(*arguments, code=1, says=["the run is finished; there is nothing to continue (run)"])


@pytest.mark.parametrize("content", ['{"a": 1}', "{"])
def test_a_damaged_manifest_stops_the_continuation(content, run, study, tiny_overrides, refuse):
    (run / "manifest.json").write_text(content)
    arguments = ["train", "heart_small", "--data", "study", "--output", "run", "--resume", *tiny_overrides]
    refuse(*arguments, code=1, says=["run/manifest.json"])


def test_what_is_no_run_cannot_be_continued(study, refuse):
    arguments = ["train", "heart_small", "--data", "study", "--resume"]
    refuse(*arguments, "--output", "study", code=1, says=["no run here (study)"])
    refuse(*arguments, "--output", "new", code=1, says=["run folder not found (new)"])


def test_an_external_test_set_needs_truth(study, run, refuse):
    text = (study / "dataset.json").read_text()
    unseen = [f"./imagesTr/{case_id}.nii.gz" for case_id in Split.load(run / "split.json").test]
    head, _, _ = text.partition('"training"')
    (study / "dataset.json").write_text(f'{head}"training": [], "test": {json.dumps(unseen)}}}')
    refuse("evaluate", "run", "--data", "study", code=1, says=["no case has", "study", f"got {len(unseen)} cases"])


def test_an_external_test_set_must_be_new_to_the_model(study, run, refuse):
    says = ["the model was trained on images of this folder (", "study", "got 5 of 6 cases", "is heart_00"]
    refuse("evaluate", "run", "--data", "study", code=1, says=says)


def test_runs_without_a_common_case_cannot_be_compared(evaluated, tmp_path, refuse):
    table = tmp_path / "other" / TABLE
    table.write_text(table.read_text().replace("heart_0", "case_0"))
    refuse("compare", "run", "other", code=1, says=["no scored case in common: got run: 1 cases, other: 1 cases"])


def test_a_comparison_needs_two_evaluated_runs(evaluated, tmp_path, refuse):
    refuse("compare", "run", code=2, says=["two or more different runs: got run"], fix=False)
    refuse("compare", "run", "nowhere", code=1, says=["run folder not found (nowhere)"])
    shutil.rmtree(tmp_path / "other/evaluation")
    says = ["the run is not evaluated (other/evaluation/test)", "`medweave evaluate other --split test`"]
    refuse("compare", "run", "other", code=1, says=says)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\x00\xfe"])
def test_a_damaged_table_cannot_be_compared(content, evaluated, tmp_path, refuse):
    (tmp_path / "other" / TABLE).write_bytes(content)
    refuse("compare", "run", "other", code=1, says=[f"the table cannot be read (other/{TABLE})"])
