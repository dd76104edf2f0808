import shutil

import pytest

from medweave.core.errors import RunError, UsageError
from medweave.serving.served_model import load_models
from medweave.serving.watch import WatchedBackend, WatchedExplainingBackend


def test_a_model_is_called_as_its_folder(picture_bundle):
    (model,) = load_models([picture_bundle]).values()
    assert (model.name, model.takes_volumes, list(model.preprocessors)) == ("xray", False, ["image"])
    assert isinstance(model.predictor.networks[0], WatchedBackend)
    assert model.folder == picture_bundle


def test_an_ensemble_stays_one(mixed_ensemble):
    (model,) = load_models([mixed_ensemble]).values()
    assert [type(network) for network in model.predictor.networks] == [WatchedExplainingBackend] * 2
    assert (model.takes_volumes, list(model.preprocessors)) == (True, ["mri", "xray"])
    assert model.description.card is None


def test_two_of_a_name_and_names_that_cannot_stand_in_an_address_are_refused(picture_bundle, tmp_path):
    shutil.copytree(picture_bundle, tmp_path / "xray")
    with pytest.raises(UsageError, match="two models are called 'xray'"):
        load_models([picture_bundle, tmp_path / "xray"])
    with pytest.raises(UsageError, match="address"):
        load_models([tmp_path / "my model"])


def test_a_damaged_bundle_is_refused(picture_bundle, tmp_path):
    damaged = shutil.copytree(picture_bundle, tmp_path / "xray")
    (damaged / "model_card.md").write_text("other")
    with pytest.raises(RunError, match=r"changed: model_card\.md"):
        load_models([damaged])
