import shutil

import pytest
import torch

from medweave.core.errors import RunError
from medweave.inference.run_model import load_run
from medweave.runs.folder import RunFolder


def test_a_run_predicts_with_its_own_weights(tiny_run, tmp_path):
    predictor = load_run(tiny_run)
    last = torch.load(RunFolder(tiny_run).best_checkpoint, weights_only=True)["state_dict"]
    weights = predictor.backend.model.state_dict()
    assert all(torch.equal(weight, last[f"model.{name}"]) for name, weight in weights.items())
    assert not predictor.backend.model.training


def test_a_run_without_weights_is_refused_with_what_to_do(tiny_run, tmp_path):
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    run.weights.unlink()
    with pytest.raises(RunError, match=r"no trained weights yet .*model\.safetensors.*--resume"):
        load_run(run.path)


@pytest.mark.parametrize("damage", ["cut", "foreign", "other network"])
def test_damaged_weights_are_refused(tiny_run, tmp_path, damage):
    run = RunFolder(shutil.copytree(tiny_run, tmp_path / "run"))
    if damage == "cut":
        run.weights.write_bytes(run.weights.read_bytes()[:-10])
    elif damage == "foreign":
        run.weights.write_bytes(b"no weights at all")
    else:
        run.recipe.write_text(run.recipe.read_text().replace("- 4\n", "- 6\n", 1))
    with pytest.raises(RunError, match=r"the weights cannot be loaded .*model\.safetensors.*Fix:"):
        load_run(run.path)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(RunError, match="no run here"):
        load_run(tmp_path)
