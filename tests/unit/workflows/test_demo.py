from functools import partial

import pandas as pd
import pytest

from medweave.core.errors import RunError
from medweave.data.layouts.layout import scan
from medweave.workflows import demo


@pytest.fixture
def small(monkeypatch, tiny_overrides):
    """Make the demo small: six cases, one epoch."""
    monkeypatch.setattr(demo, "CASES", 6)
    monkeypatch.setattr(demo.train, "run", partial(demo.train.run, overrides=tiny_overrides))


def test_the_demo_leaves_everything_that_it_names(small, tmp_path):
    stages = []
    result = demo.run(tmp_path / "demo", on_stage=stages.append)
    assert len(stages) == 5
    assert str(tmp_path / "demo/data") in stages[0]
    assert len(scan(tmp_path / "demo/data").cases) == 6
    assert all(file.is_file() for file in (result.inspection, result.report, result.run / "model.safetensors"))
    predicted = pd.read_csv(result.predictions / "predictions.csv")
    judged = pd.read_csv(result.report.parent / "per_case.csv")
    assert list(predicted["case_id"]) == list(judged["case_id"])
    assert predicted["volume_ml"].to_numpy() == pytest.approx(judged["predicted_ml"].to_numpy(), rel=1e-3)


def test_a_filled_folder_is_refused(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(RunError, match="the output folder is not empty"):
        demo.run(tmp_path)
