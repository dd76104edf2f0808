import json

import pytest

from medweave.core.errors import RunError
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder


def test_an_ensemble_is_read_as_it_was_written(tmp_path):
    folder = RunFolder(tmp_path)
    assert not folder.is_ensemble
    ensemble = Ensemble({"fold_1": ("a", "b"), "fold_2": ("c",)})
    ensemble.save(folder.ensemble)
    assert folder.is_ensemble
    assert Ensemble.load(folder.ensemble) == ensemble
    assert folder.member("fold_2").path == tmp_path / "fold_2"


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"members": [{"run": "fold_1"}]},
        {"members": [{"run": "fold_1", "validation_cases": ["a"]}]},
        {"members": [{"run": name, "validation_cases": ["a"]} for name in ("fold_1", "../fold_2")]},
    ],
)
def test_what_is_no_ensemble_is_refused(tmp_path, content):
    path = tmp_path / "ensemble.json"
    path.write_text(json.dumps(content))
    with pytest.raises(RunError, match=r"not an ensemble of runs \(.*ensemble\.json\)"):
        Ensemble.load(path)
