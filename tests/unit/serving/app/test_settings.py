from pathlib import Path

import pytest

from medweave.core.errors import RunError
from medweave.serving.app.settings import AppSettings, loaded_models


def test_the_script_is_handed_what_the_command_was_given():
    settings = AppSettings((Path("bundles/a b"), Path("ü")), runs=(Path("runs/x"),), data=())
    assert AppSettings.from_argument(settings.to_argument()) == settings


def test_models_are_loaded_once(picture_bundle):
    assert loaded_models((picture_bundle,)) is loaded_models((picture_bundle,))
    assert list(loaded_models((picture_bundle,))) == ["xray"]
    with pytest.raises(RunError):
        loaded_models((picture_bundle.parent,))
