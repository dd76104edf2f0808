import json
import shutil

import numpy as np
import pytest
import torch

from medweave.core.errors import RunError
from medweave.data.index import DatasetIndex
from medweave.data.split import Split
from medweave.inference.postprocessing import restore_map
from medweave.inference.run_model import load_run
from medweave.runs.folder import RunFolder


def test_a_run_predicts_with_its_own_weights(tiny_run, tmp_path):
    predictor = load_run(tiny_run)
    last = torch.load(RunFolder(tiny_run).best_checkpoint, weights_only=True)["state_dict"]
    weights = predictor.networks[0].model.state_dict()
    assert all(torch.equal(weight, last[f"model.{name}"]) for name, weight in weights.items())
    assert not predictor.networks[0].model.training


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


@pytest.fixture(scope="module")
def members(mixed_ensemble):
    """The predictors of two folds, and that of their ensemble."""
    return [load_run(mixed_ensemble / name) for name in ("fold_1", "fold_2")], load_run(mixed_ensemble)


@pytest.fixture(scope="module")
def unseen(mixed_ensemble):
    """The test cases of the ensemble."""
    run = RunFolder(mixed_ensemble)
    return DatasetIndex.load(run.index).subset(Split.load(run.split).test).cases


def test_an_ensemble_answers_with_the_mean_of_its_runs_probabilities(members, unseen):
    runs, ensemble = members
    assert len(unseen) > 2
    for case in unseen:
        answers = [run.predict(case, keep_probabilities=True) for run in runs]
        found = ensemble.predict(case, keep_probabilities=True)
        assert (found.members, found.case_id) == (2, case.case_id)
        for head in ("side", "signs"):
            for name, probability in found.classifications[head].probabilities.items():
                chances = [answer.classifications[head].probabilities[name] for answer in answers]
                assert probability == pytest.approx(np.mean(chances), abs=1e-5)
        assert found.segmentations.keys() == answers[0].segmentations.keys()
        for head, segmentation in found.segmentations.items():
            voxels = [answer.segmentations[head].probabilities["lesion"] for answer in answers]
            assert segmentation.probabilities["lesion"] == pytest.approx(np.mean(voxels, axis=0), abs=1e-5)


def test_the_runs_of_an_ensemble_keep_their_own_temperatures(members, mixed_ensemble, unseen, tmp_path):
    run = RunFolder(shutil.copytree(mixed_ensemble, tmp_path / "ensemble"))
    for name, temperature in (("fold_1", 0.5), ("fold_2", 4.0)):
        path = run.member(name).calibration
        content = json.loads(path.read_text())
        content["side"]["temperature"] = temperature
        path.write_text(json.dumps(content))
    answers = [load_run(run.member(name).path).predict(unseen[0]) for name in ("fold_1", "fold_2")]
    ensemble = load_run(run.path)
    found = ensemble.predict(unseen[0]).classifications["side"].probabilities["left"]
    chances = [answer.classifications["side"].probabilities["left"] for answer in answers]
    assert found == pytest.approx(np.mean(chances), abs=1e-5)
    assert found != pytest.approx(members[1].predict(unseen[0]).classifications["side"].probabilities["left"], abs=1e-5)
    assert ensemble.classification_heads["side"].temperature == 1


def test_an_ensemble_tells_where_its_runs_look(members, unseen):
    runs, ensemble = members
    case = next(case for case in unseen if {"mri", "xray"} <= case.images.keys())
    read = ensemble.read(case)
    images = {name: found.image[None] for name, found in read.inputs.items()}
    present = {name: np.array([True]) for name in images}
    attention = ensemble.predict(case, explain=True).classifications["side"].attention
    index = ensemble.classification_heads["side"].classes.index(attention.class_name)
    asked = {"head": "side", "class_index": index}
    maps = [run.networks[0].attention(images, present, **asked)["mri"] for run in runs]
    expected = restore_map(np.mean(maps, axis=0), read.inputs["mri"])
    assert attention.maps["mri"].shape == (12, 10, 8)
    assert attention.maps["mri"] == pytest.approx(expected, abs=1e-4)


def test_an_ensemble_knows_what_any_of_its_runs_was_trained_on(members, unseen):
    _, ensemble = members
    assert len(ensemble.gate.features) == 2
    assert ensemble.gate.appearances.keys() == {"mri", "xray"}


def test_an_incomplete_ensemble_is_refused(mixed_ensemble, tmp_path):
    run = RunFolder(shutil.copytree(mixed_ensemble, tmp_path / "ensemble"))
    shutil.rmtree(run.member("fold_2").path)
    message = r"the ensemble is not complete \(.*\): got 1 of 2 folds finished\. Fix: continue it .* --resume"
    with pytest.raises(RunError, match=message):
        load_run(run.path)
